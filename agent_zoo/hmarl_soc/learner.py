"""The whole team as one learner: four learners, the replay they share and what they see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent_zoo.hmarl_soc.config import Config
from agent_zoo.hmarl_soc.coordinator import Coordinator, directives
from agent_zoo.hmarl_soc.hunter import Hunter
from agent_zoo.hmarl_soc.responder import Responder
from agent_zoo.hmarl_soc.triage import Triage
from agent_zoo.learning import checkpoint
from agent_zoo.learning.normalizer import Normalizer
from agent_zoo.learning.replay import Batch, PrioritizedReplay, look_ahead
from agent_zoo.learning.sight import Sight
from soc_env.team import (
    CONTROL_SIZE,
    COORDINATOR,
    HUNTER,
    JOINT_OBSERVATION_SIZE,
    RESPONDER,
    TRIAGE,
)

TRANSITION: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
    "controls": ((CONTROL_SIZE,), torch.float32),  # directive, hunter's and responder's action, as played
    "verdict": ((), torch.int64),
    "reward": ((), torch.float32),  # scaled
    "triage_reward": ((), torch.float32),  # the same, less the cost of false escalations
    "terminated": ((), torch.bool),
    "truncated": ((), torch.bool),
    "decision_over": ((), torch.bool),  # whether the coordinator decides anew after this step
}
"""What the replay holds of a step of one lane beside the observations before and after it: (shape, dtype)."""


class TeamLearner:
    """Networks, optimisers, replay and the generator of all randomness; knows nothing of the environment.

    Args:
        config: see `Config`.
        seed: of the generator.
        see: what the networks get of joint observations; None: all of them.
    """

    def __init__(self, config: Config, seed: int, see: Sight | None = None) -> None:
        self.config = config
        self.generator = torch.Generator().manual_seed(seed)
        see = see or Sight(Normalizer(JOINT_OBSERVATION_SIZE))
        see = see.to(config.device)
        self.see, self.sees = see, see.parts
        part = self.sees[COORDINATOR]
        self.coordinator = Coordinator(config, self.generator, part.stop - part.start)
        self.hunter = Hunter(config, see, self.generator)
        self.triage = Triage(config, self.generator, self.sees[TRIAGE])
        self.responder = Responder(config, see, self.generator)
        observed = ((self.see.size,), torch.float32)
        fields = TRANSITION | {"observation": observed, "next_observation": observed}
        self.replay = PrioritizedReplay(
            config.replay.capacity, fields, config.replay.alpha, self.generator, config.device
        )
        self.updates = 0
        self.directives = directives().to(config.device)

    @property
    def agents(self) -> dict[str, Coordinator | Hunter | Triage | Responder]:
        return {
            COORDINATOR: self.coordinator,
            HUNTER: self.hunter,
            TRIAGE: self.triage,
            RESPONDER: self.responder,
        }

    def set_progress(self, progress: float) -> None:
        """Scale learning rates and noise for `progress`, the part of the training's episodes done."""
        noise_scale = self.config.final_noise**progress
        scale = self.config.final_scale**progress
        for explorer in (self.responder, self.hunter.actor, self.hunter.target_actor):
            explorer.noise_scale = noise_scale
        for actor in (self.hunter, self.responder):
            actor.proximity = actor.config.proximity / scale
        for name, agent in self.agents.items():
            own_scale = self.config.coordinator.final_scale**progress if name == COORDINATOR else scale
            for part in agent.parts().values():
                if isinstance(part, torch.optim.Optimizer):
                    for group in part.param_groups:
                        group["lr"] = group.setdefault("initial_lr", group["lr"]) * own_scale

    def update_tier_2(self, progress: float) -> dict[str, Tensor]:
        """One update of hunter, triage and responder from the same transitions; returns what to watch.

        Args:
            progress: part of the training's episodes that are done.

        Raises:
            FloatingPointError: training diverged; the message begins with the agent, all parameters are
                still finite.
        """
        config = self.config.replay
        beta = config.beta + (config.final_beta - config.beta) * progress
        learn_actions = self.updates >= config.value_updates
        learn_actors = self.updates >= config.critic_updates
        self.updates += 1
        if config.shared:
            batches = dict.fromkeys((HUNTER, TRIAGE, RESPONDER), self._draw(beta))
        else:
            batches = {agent: self._draw(beta) for agent in (HUNTER, TRIAGE, RESPONDER)}
        next_controls, next_verdict = self.next_actions(batches[RESPONDER])
        watched: dict[str, Tensor] = {}
        errors = torch.zeros(config.batch_size, dtype=torch.float32, device=self.config.device)
        for agent, update in (
            (HUNTER, lambda: self.hunter.update(batches[HUNTER], learn_actions, learn_actors)),
            (TRIAGE, lambda: self.triage.update(batches[TRIAGE])),
            (
                RESPONDER,
                lambda: self.responder.update(
                    batches[RESPONDER], next_controls, next_verdict, learn_actions, learn_actors
                ),
            ),
        ):
            own_errors, own = self._attempt(agent, update)
            errors += own_errors / 3
            watched |= {f"{agent}/{name}": value for name, value in own.items()}
        if config.shared:
            self.replay.update_priorities(batches[HUNTER].entries, errors)
        return watched

    def _draw(self, beta: float) -> Batch:
        """Transitions with what follows them."""
        drawn = self.replay.sample(self.config.replay.batch_size, beta)
        return drawn._replace(fields=drawn.fields | self.look_ahead(drawn.entries))

    def look_ahead(self, entries: NDArray[np.int64]) -> dict[str, Tensor]:
        """What follows transitions within `lookahead` steps, fewer where an episode ends or none is newer.

        Returns:
            Discounted sums of the rewards, the discount of what comes after, and of the last step the next
            observation, its controls and whether it ended the episode or the coordinator's decision.
        """
        ahead = look_ahead(
            self.replay,
            entries,
            num_envs=self.config.num_envs,
            steps=self.config.replay.lookahead,
            discount=self.config.discount,
            rewards=("reward", "triage_reward"),
            last=("next_observation", "terminated", "decision_over", "controls"),
        )
        return ahead | {"last_controls": ahead.pop("controls")}

    def update_coordinator(self, completed: Any) -> dict[str, Tensor]:
        """One PPO update; as `update_tier_2`."""
        watched = self._attempt(COORDINATOR, lambda: self.coordinator.update(completed))
        return {f"{COORDINATOR}/{name}": value for name, value in watched.items()}

    @torch.no_grad()
    def next_actions(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What the team's target networks do after each transition: controls (batch, 36), verdicts (batch,).

        The coordinator, which PPO moves slowly, has no target network. Its directive stays in force unless
        its decision was over.
        """
        following = batch.fields["next_observation"]
        sees = {agent: following[:, part] for agent, part in self.sees.items()}
        held = batch.fields["last_controls"][:, : self.directives.shape[-1]]
        chosen = self.directives[self.coordinator.choices(sees[COORDINATOR])]
        directive = torch.where(batch.fields["decision_over"][:, None], chosen, held)
        hunting = self.hunter.target_actor.greedy(sees[HUNTER])
        responding = self.responder.target_actor(sees[RESPONDER])
        return torch.cat([directive, hunting, responding], -1), self.triage.target.greedy(sees[TRIAGE])

    def _attempt(self, agent: str, update: Any) -> Any:
        try:
            return update()
        except FloatingPointError as error:
            raise FloatingPointError(f"{agent}: {error}") from None

    def tensors(self) -> checkpoint.Tensors:
        """Everything that later updates depend on."""
        tensors: checkpoint.Tensors = {}
        for agent, learner in self.agents.items():
            for name, part in learner.parts().items():
                tensors |= checkpoint.prefixed(f"{agent}.{name}", _to_tensors(part))
        tensors |= checkpoint.prefixed("replay", self.replay.tensors())
        counters = {"updates": np.array(self.updates), "generator": self.generator.get_state().numpy()}
        return tensors | counters

    def load_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `tensors()` of a learner of the same config."""
        for agent, learner in self.agents.items():
            for name, part in learner.parts().items():
                _from_tensors(part, checkpoint.part(f"{agent}.{name}", tensors))
        self.replay.load_tensors(checkpoint.part("replay", tensors))
        self.updates = int(tensors["updates"])
        self.generator.set_state(torch.from_numpy(tensors["generator"].copy()))


def _to_tensors(part: nn.Module | nn.Parameter | torch.optim.Optimizer) -> checkpoint.Tensors:
    if isinstance(part, nn.Module):
        return checkpoint.module_tensors(part)
    if isinstance(part, nn.Parameter):
        return {"value": part.detach().cpu().numpy().copy()}
    return checkpoint.optimizer_tensors(part)


def _from_tensors(
    part: nn.Module | nn.Parameter | torch.optim.Optimizer, tensors: Mapping[str, NDArray[Any]]
) -> None:
    if isinstance(part, nn.Module):
        checkpoint.load_module_tensors(part, tensors)
    elif isinstance(part, nn.Parameter):
        part.data.copy_(torch.from_numpy(tensors["value"].copy()))
    else:
        checkpoint.load_optimizer_tensors(part, tensors)
