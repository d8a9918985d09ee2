"""What a scenario is: one class that answers everything anyone asks of it.

`Scenario` is one on this package's engine, which brings all faces. `TrainingScenario` is the part that
training and evaluation need, which an environment of another kind fulfils too. Learners, tables, pages and
pictures take what they know of a scenario from here, and know none by name.
"""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from soc_env.engine import options
from soc_env.engine.fields import ActionGroup, Field, Member, box
from soc_env.engine.scenario import Arrays, Kernels
from soc_env.faces.aec import TeamAECEnv
from soc_env.faces.joint import TeamJointEnv
from soc_env.faces.parallel import TeamParallelEnv
from soc_env.faces.vector import TeamVectorEnv
from soc_env.metrics import Metrics
from soc_env.rendering.snapshot import Fact, Snapshot
from soc_env.team import AGENTS, CONTROL_SLICES, COORDINATOR, TRIAGE, Actions, Observations


class TeamLanes(Protocol):
    """The vector environment that teams train and are measured in: `TeamVectorEnv` in same-step mode, or one
    that behaves as it does."""

    num_envs: int
    single_action_space: spaces.Space[Any]

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]: ...

    def step(
        self, actions: Actions
    ) -> tuple[Observations, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]: ...

    def state(self) -> NDArray[np.float32]: ...

    def save_state(self) -> dict[str, NDArray[Any]]: ...

    def load_state(self, saved: Mapping[str, NDArray[Any]]) -> Observations: ...

    def close(self) -> None: ...


class TrainingScenario(ABC):
    """What training and evaluation need of an environment; an instance has its settings.

    Attributes:
        env_id: its name, for instance "soc_v0"; figures of different ids are never compared.
        version: grows with whatever changes figures.
        metrics: what is measured of an episode, in the order of logs and tables.
        score: the metric by which teams are ranked.
        references: teams by name with which every other one is compared, as far as they are there.
        presets: settings by name, for instance {"storm": {"benign_alerts": 3.0}}.
        head_truth: the field of the state that says whether the alert that the triage decides on is true;
            None where there is no such thing.
        config: the settings, a dataclass.
        families: what entries of observations and numbers of actions may belong to, by kind.
        action_groups: what the numbers of each continuous action mean; those in no group have no effect.
    """

    env_id: ClassVar[str]
    version: ClassVar[str] = "0"
    metrics: ClassVar[Metrics]
    score: ClassVar[str] = "reward"
    references: ClassVar[tuple[str, ...]] = ()
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    head_truth: ClassVar[str | None] = None

    config: Any
    families: Mapping[str, tuple[Member, ...]] = {}
    action_groups: Mapping[str, tuple[ActionGroup, ...]] = dict.fromkeys(AGENTS, ())

    @classmethod
    @abstractmethod
    def configured(cls, **settings: Any) -> Self:
        """The scenario with the settings that a user gave, those of a `preset` beneath them.

        Raises:
            TypeError, ValueError: an unknown setting or preset, or a value that does not fit.
        """

    @abstractmethod
    def fields(self, agent: str) -> tuple[Field, ...]:
        """What the entries of an agent's observation mean, in order; together they cover it."""

    @abstractmethod
    def state_fields(self) -> tuple[Field, ...]:
        """What the entries of the state mean, in order; together they cover it."""

    @abstractmethod
    def vector_env(self, num_envs: int) -> TeamLanes:
        """Its lanes, in same-step autoreset mode."""

    def situation(self, state: NDArray[np.float32]) -> str:
        """The truth in a few words, of one lane's state (size,): "Execution T1059"; empty for no words."""
        return ""

    @cached_property
    def observation_spaces(self) -> dict[str, spaces.Box]:
        """{agent: Box}, the bounds as the fields have them."""
        return {agent: box(self.fields(agent)) for agent in AGENTS}

    @cached_property
    def state_space(self) -> spaces.Box:
        """The state's Box."""
        return box(self.state_fields())

    @classmethod
    def with_preset(cls, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings in which `preset`, if it is one of them, has become what it stands for.

        Raises:
            ValueError: there is no such preset.
        """
        settings = dict(settings)
        preset = settings.pop("preset", None)
        if preset is None:
            return settings
        if preset not in cls.presets:
            known = ", ".join(cls.presets) or "none, for it has no presets"
            raise ValueError(f"{cls.env_id}: preset must be one of {known}; got {preset!r}")
        return {**cls.presets[preset], **settings}


class Scenario(TrainingScenario):
    """A scenario on the engine; an instance has a config.

    Subclasses give at least `env_id`, `config_class`, `metrics`, `kernels`, `fields`, `state_fields` and
    `allocate`.

    Attributes:
        config_class: a frozen dataclass of fields made, and checked, by `soc_env.engine.options`.
        kernels: see there.
        parameters: the config as a record (1,), which kernels read.
        hidden: entries of the joint observation that are shown as 0.

    Args:
        config: an instance of `config_class`; None: its defaults.
    """

    config_class: ClassVar[type]
    kernels: ClassVar[Kernels]

    def __init__(self, config: Any = None) -> None:
        self.config = self.config_class() if config is None else config
        self.parameters = self.make_parameters()
        self.hidden: NDArray[np.intp] = np.empty(0, np.intp)

    @classmethod
    def configured(cls, **settings: Any) -> Self:
        """The scenario with the settings that a user gave; `max_cycles` is another name for `max_steps`."""
        settings = cls.with_preset(settings)
        if "max_cycles" in settings:
            max_cycles = settings.pop("max_cycles")
            if settings.setdefault("max_steps", max_cycles) != max_cycles:
                raise ValueError(
                    f"max_cycles is another name for max_steps, got {max_cycles} and {settings['max_steps']}"
                )
        return cls(options.from_keywords(cls.config_class, cls.env_id, settings))

    def make_parameters(self) -> np.ndarray:
        """The config as a record (1,): by default its numbers, under their names."""
        return options.as_record(self.config)

    @abstractmethod
    def allocate(self, num_envs: int) -> Arrays:
        """Zeroed state: a NamedTuple of arrays, the lane always the first axis."""

    def episode_metrics(self, arrays: Arrays, lanes: NDArray[np.intp]) -> dict[str, np.ndarray]:
        """What the metrics are made of, by source, for some lanes: arrays (len(lanes),).

        By default fields of those names of the records `arrays.lanes`.
        """
        return {metric.source: arrays.lanes[metric.source][lanes] for metric in self.metrics}

    def snapshot(
        self, arrays: Arrays, lane: int, controls: np.ndarray, verdict: int, reward: float
    ) -> Snapshot:
        """One lane as a picture shows it; the last step's actions and reward come from the engine.

        By default the state, entry by entry; the records `arrays.lanes` must have `step` and `episode_return`
        then, and the config `max_steps`.
        """
        now, started = arrays.lanes[lane], int(arrays.lanes[lane]["step"]) > 0
        state, active = np.zeros((lane + 1, *self.state_space.shape), np.float32), np.arange(lane + 1) == lane
        self.kernels.write_state(self.parameters, arrays, active, state, lane, lane + 1)
        actions: dict[str, Any] = {agent: controls[part] for agent, part in CONTROL_SLICES.items()}
        return Snapshot(
            env_id=self.env_id,
            step=int(now["step"]),
            max_steps=self.config.max_steps,
            segments=(),
            phases=(),
            phase=0,
            phase_steps=0,
            alerts=(),
            queue_capacity=0,
            directive=controls[CONTROL_SLICES[COORDINATOR]],
            actions={**actions, TRIAGE: verdict} if started else {},
            action_groups=self.action_groups,
            reward=reward,
            reward_terms={},
            episode_return=float(now["episode_return"]),
            outcome="time limit" if now["step"] >= self.config.max_steps else None,
            facts=tuple(
                Fact(field.name, float(state[lane, field.start]), field.low, field.high)
                for field in self.state_fields()
            ),
        )

    def parallel_env(self, *, render_mode: str | None = None) -> TeamParallelEnv:
        """The PettingZoo parallel environment; `render_mode`: None, "human", "rgb_array" or "ansi"."""
        return TeamParallelEnv(self, render_mode)

    def env(self, *, render_mode: str | None = None) -> TeamAECEnv:
        """The PettingZoo AEC environment, which checks order, bounds and ends of episodes itself."""
        return TeamAECEnv(self, render_mode)

    def joint_env(self, *, render_mode: str | None = None) -> TeamJointEnv:
        """A Gymnasium environment in which one controller plays the whole team."""
        return TeamJointEnv(self, render_mode)

    def vector_env(
        self,
        num_envs: int,
        *,
        autoreset_mode: str = "SameStep",
        num_threads: int | None = None,
        render_mode: str | None = None,
    ) -> TeamVectorEnv:
        """A Gymnasium vector environment of `num_envs` teams; see `TeamVectorEnv`."""
        return TeamVectorEnv(
            self,
            num_envs,
            autoreset_mode=autoreset_mode,
            num_threads=num_threads,
            render_mode=render_mode,
        )


class Faces(NamedTuple):
    """Functions that make a scenario's environments, its config's fields as keywords."""

    parallel_env: Callable[..., TeamParallelEnv]
    raw_env: Callable[..., TeamAECEnv]
    env: Callable[..., TeamAECEnv]
    joint_env: Callable[..., TeamJointEnv]
    vector_env: Callable[..., TeamVectorEnv]


def faces(scenario: type[Scenario], module: str) -> Faces:
    """The functions that a scenario's module offers its users.

    Args:
        scenario: a class.
        module: the caller's `__name__`, where they will be found; so they can be pickled.
    """

    def parallel_env(*, render_mode: str | None = None, **config: Any) -> TeamParallelEnv:
        """The PettingZoo parallel environment.

        Args:
            render_mode: None, "human", "rgb_array" or "ansi".
            **config: fields of `Config`, for instance `max_steps=200`; `preset`, for settings by name;
                `max_cycles` is another name for `max_steps`.
        """
        return scenario.configured(**config).parallel_env(render_mode=render_mode)

    def raw_env(*, render_mode: str | None = None, **config: Any) -> TeamAECEnv:
        """The PettingZoo AEC environment; arguments as for `parallel_env`."""
        return scenario.configured(**config).env(render_mode=render_mode)

    def env(*, render_mode: str | None = None, **config: Any) -> TeamAECEnv:
        """The PettingZoo AEC environment; arguments as for `parallel_env`.

        The same as `raw_env`: order, bounds and ends of episodes are checked by the environment itself.
        """
        return raw_env(render_mode=render_mode, **config)

    def joint_env(*, render_mode: str | None = None, **config: Any) -> TeamJointEnv:
        """A Gymnasium environment in which one controller plays the whole team; arguments as above."""
        return scenario.configured(**config).joint_env(render_mode=render_mode)

    def vector_env(
        num_envs: int,
        *,
        autoreset_mode: str = "SameStep",
        num_threads: int | None = None,
        render_mode: str | None = None,
        **config: Any,
    ) -> TeamVectorEnv:
        """A Gymnasium vector environment of `num_envs` teams; see `TeamVectorEnv`, config as above."""
        return scenario.configured(**config).vector_env(
            num_envs, autoreset_mode=autoreset_mode, num_threads=num_threads, render_mode=render_mode
        )

    # Where `gymnasium.make` looks for the render modes, before it knows the class: from them it makes
    # "rgb_array_list" and "ansi_list".
    joint_env.metadata = TeamJointEnv.metadata  # type: ignore[attr-defined]
    made = Faces(parallel_env, raw_env, env, joint_env, vector_env)
    for face in made:
        _show(face, scenario, module)
    return made


def _show(face: Any, scenario: type[Scenario], module: str) -> None:
    """Show the config's fields in the signature, for `help` and completion, and where the face is found."""
    signature = inspect.signature(face)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    keyword = inspect.Parameter.KEYWORD_ONLY
    preset = [inspect.Parameter("preset", keyword, default=None)] if scenario.presets else []
    config = [
        inspect.Parameter(field.name, keyword, default=field.default)
        for field in dataclasses.fields(scenario.config_class)
    ]
    face.__signature__ = signature.replace(parameters=[*own, *preset, *config])
    face.__module__, face.__qualname__ = module, face.__name__
