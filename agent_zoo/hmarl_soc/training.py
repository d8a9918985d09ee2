"""Training HMARL-SOC: lanes collect side by side, tier 2 learns between steps, tier 1 between rollouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent_zoo.hmarl_soc.config import Config
from agent_zoo.hmarl_soc.coordinator import Decisions
from agent_zoo.hmarl_soc.learner import TeamLearner
from agent_zoo.hmarl_soc.team import HMARLSOC
from agent_zoo.learning import checkpoint, loop
from agent_zoo.learning.draws import uniform
from agent_zoo.learning.environment import make_env, scenario_of
from agent_zoo.learning.sight import Sight, take_sight
from agent_zoo.learning.start import load_start
from soc_env.contract import TeamLanes, TrainingScenario
from soc_env.faces.vector import stack_final_observations
from soc_env.seeds import check_training_seed
from soc_env.team import (
    AGENTS,
    CONTROL_SIZES,
    CONTROL_SLICES,
    COORDINATOR,
    HUNTER,
    RESPONDER,
    TRIAGE,
    Verdict,
    join_observations,
)


class Collector:
    """Plays the team in all lanes and keeps what it learns from."""

    def __init__(self, env: TeamLanes, learner: TeamLearner, config: Config) -> None:
        self.env, self.learner, self.config = env, learner, config
        self.decisions = Decisions(
            config.coordinator.rollout_steps,
            config.num_envs,
            config.coordinator.interval,
            config.discount,
            config.device,
            learner.sees[COORDINATOR].stop - learner.sees[COORDINATOR].start,
        )
        self._truth = _head_truth(scenario_of(config))
        # Drawn at the first step of a rollout at the latest:
        self._noise: dict[str, Tensor] = {}
        self._at_random: dict[str, Tensor] = {}  # NaN where the agent decides
        self.observation: Tensor  # of all lanes, from `begin` on

    def begin(self, observations: Mapping[str, NDArray[np.float32]]) -> None:
        """Go on from these observations."""
        self.observation = self._joined(observations)

    def _joined(self, observations: Mapping[str, NDArray[np.float32]]) -> Tensor:
        return torch.from_numpy(join_observations(observations)).to(self.config.device)

    def step(self, step: int) -> dict[str, Any]:
        """One step of every lane into replay and rollout; returns the environment's info.

        Args:
            step: environment steps so far, of all lanes together.
        """
        learner, config = self.learner, self.config
        if step // config.num_envs % config.noise_steps == 0:
            self._noise = {
                HUNTER: learner.hunter.noise(config.num_envs),
                RESPONDER: learner.responder.noise(config.num_envs),
            }
            self._at_random = {agent: self._draw_at_random(agent) for agent in self._noise}
        seen = learner.see(self.observation)
        sees = {agent: seen[:, part] for agent, part in learner.sees.items()}
        self.decisions.begin(sees[COORDINATOR], *learner.coordinator.draw(sees[COORDINATOR]))
        directive = learner.directives[self.decisions.open["choice"]]
        drawn = {
            HUNTER: learner.hunter.draw(sees[HUNTER], self._noise[HUNTER]),
            RESPONDER: learner.responder.draw(sees[RESPONDER], self._noise[RESPONDER]),
        }
        verdict = learner.triage.draw(sees[TRIAGE], step)
        for agent, at_random in self._at_random.items():
            drawn[agent] = torch.where(at_random.isnan(), drawn[agent], at_random)
        controls = torch.cat([directive, drawn[HUNTER], drawn[RESPONDER]], -1)
        false_escalation = verdict == Verdict.ESCALATE
        if self._truth is not None:
            true_alert = torch.from_numpy(self.env.state()[:, self._truth] > 0).to(config.device)
            false_escalation &= ~true_alert

        played, chosen = controls.cpu().numpy(), verdict.cpu().numpy()
        actions = {a: chosen if a == TRIAGE else played[:, CONTROL_SLICES[a]] for a in AGENTS}
        following, rewards, terminations, truncations, info = self.env.step(actions)
        reward = torch.from_numpy(rewards).float().to(config.device) * config.reward_scale
        terminated = torch.from_numpy(terminations).to(config.device)
        truncated = torch.from_numpy(truncations).to(config.device)
        after = self._joined(following)
        # What follows an episode's end is the next episode's first observation; its own last is in the info.
        own_last = after
        lanes, last = stack_final_observations(info)
        if len(lanes):
            own_last = after.clone()
            own_last[torch.from_numpy(lanes).to(config.device)] = self._joined(last)
        last_seen = learner.see(own_last)
        decision_over = self.decisions.step(
            reward, last_seen[:, learner.sees[COORDINATOR]], terminated, truncated
        )
        if step >= config.replay.start:
            cost = config.triage.false_escalation_cost * config.reward_scale
            learner.replay.add(
                observation=seen,
                controls=controls,
                verdict=verdict,
                reward=reward,
                triage_reward=reward - cost * false_escalation.float(),
                next_observation=last_seen,
                terminated=terminated,
                truncated=truncated,
                decision_over=decision_over,
            )
        self.observation = after
        return info

    def _draw_at_random(self, agent: str) -> Tensor:
        """Numbers of actions (num_envs, size) from [-1, 1], all but `random_share` of them NaN."""
        config, generator = self.config, self.learner.generator
        shape = (config.num_envs, CONTROL_SIZES[agent])
        numbers = 2 * uniform(shape, generator) - 1
        chosen = uniform(shape, generator) < config.random_share
        return numbers.where(chosen, torch.nan).to(config.device)

    def tensors(self) -> checkpoint.Tensors:
        """What the lanes' future depends on; taken between rollouts."""
        decisions = {name: tensor.cpu().numpy() for name, tensor in self.decisions.open.items()}
        return checkpoint.prefixed("env", self.env.save_state()) | checkpoint.prefixed("decisions", decisions)

    def load_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `tensors()`."""
        self.begin(self.env.load_state(checkpoint.part("env", tensors)))
        for name, array in checkpoint.part("decisions", tensors).items():
            self.decisions.open[name] = torch.from_numpy(array.copy()).to(self.config.device)


def _head_truth(scenario: TrainingScenario) -> int | None:
    """Which entry of the state says that the alert which the triage decides on is true, if one does."""
    return next((f.start for f in scenario.state_fields() if f.name == scenario.head_truth), None)


class TeamTraining:
    """A team and the lanes that it plays in; see `agent_zoo.learning.loop`."""

    def __init__(self, config: Config, seed: int) -> None:
        self.config = config
        config.check_scenario(scenario_of(config))
        self.env = make_env(config)
        start = load_start(HMARLSOC, config, ("hidden_sizes", "action_scale"))
        if start is None:
            self.learner = TeamLearner(config, seed, take_sight(self.env, config.normalization_steps, seed))
        else:
            self.learner = TeamLearner(config, seed, Sight(start.actors.normalizer))
            start.teach(self.learner)
        self.collector = Collector(self.env, self.learner, config)
        self.collector.begin(self.env.reset(seed=seed)[0])

    def learn_round(self, clock: loop.Clock) -> dict[str, float]:
        """One rollout of the coordinator, tier 2 learning in between; returns each learner's last values."""
        config, learner = self.config, self.learner
        learner.set_progress(clock.progress)
        watched: dict[str, Tensor] = {}
        for rollout_step in range(1, config.coordinator.rollout_steps + 1):
            clock.tick(self.collector.step(clock.step))
            if rollout_step % config.replay.steps == 0 and len(learner.replay) >= config.replay.warmup:
                for _ in range(config.replay.updates):
                    watched = learner.update_tier_2(clock.progress)
        watched |= learner.update_coordinator(self.collector.decisions.completed)
        return {name: value.item() for name, value in watched.items()}

    def tensors(self) -> checkpoint.Tensors:
        learned = checkpoint.prefixed("learner", self.learner.tensors())
        return learned | checkpoint.prefixed("collector", self.collector.tensors())

    def load_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.learner.load_tensors(checkpoint.part("learner", tensors))
        self.collector.load_tensors(checkpoint.part("collector", tensors))

    def save_policy(self, path: Path) -> None:
        HMARLSOC.of(self.learner).save(path)


def train(
    config: Config,
    *,
    seed: int,
    run_dir: Path,
    resume: bool = False,
    progress: bool = True,
    on_round: Callable[[TeamLearner, int], None] | None = None,
) -> Path:
    """Train one team and return the path of its policy file; see `agent_zoo.learning.loop.run`.

    Args:
        config: see `Config`.
        seed: a training seed (soc_env.seeds); it fixes the result.
        run_dir, resume, progress: see there.
        on_round: called with the learner and the environment steps so far after every update of tier 1.
    """
    seed = check_training_seed(seed)
    torch.set_num_threads(config.num_threads)
    training = TeamTraining(config, seed)
    path = loop.run(
        "hmarl-soc",
        config,
        training,
        seed=seed,
        run_dir=run_dir,
        resume=resume,
        progress=progress,
        on_round=on_round and (lambda clock: on_round(training.learner, clock.step)),
    )
    training.env.close()
    return path
