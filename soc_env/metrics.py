"""What a scenario measures of an episode: named figures with a unit, a direction and a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

ARROWS: Final = {"higher": "↑", "lower": "↓", None: ""}


@dataclass(frozen=True)
class Metric:
    """One figure of an episode.

    Attributes:
        name: in logs, tables and files; a Python identifier such as "fpr_percent".
        description: a sentence.
        label: in tables and pictures; by default the name in words.
        unit: for instance "steps" or "%"; empty where there is none.
        source: its key in the environment's `episode_metrics`; by default the name.
        factor: what the environment's figure is multiplied by; 100 turns a fraction into percent.
        better: "higher", "lower", or None where neither is.
        headline: whether tables of teams show it.
    """

    name: str
    description: str
    label: str = ""
    unit: str = ""
    source: str = ""
    factor: float = 1.0
    better: Literal["higher", "lower"] | None = None
    headline: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"a metric's name must be an identifier, got {self.name!r}")
        if self.better not in ARROWS:
            raise ValueError(f"{self.name}: better must be 'higher', 'lower' or None, got {self.better!r}")
        object.__setattr__(self, "label", self.label or self.name.replace("_", " "))
        object.__setattr__(self, "source", self.source or self.name)

    @property
    def heading(self) -> str:
        """Label, unit and direction, for instance "MTTD steps ↓"."""
        return " ".join(part for part in (self.label, self.unit, ARROWS[self.better]) if part)

    def to_json(self) -> dict[str, Any]:
        """Plain values, from which `Metric(**values)` is the same metric."""
        return asdict(self)


class Metrics(tuple[Metric, ...]):
    """A scenario's metrics in their order, by which columns of figures are found.

    Raises:
        ValueError: two of them share a name, or none is of "episode_return", which all environments give.
    """

    def __new__(cls, metrics: Sequence[Metric]) -> Metrics:
        self = super().__new__(cls, metrics)
        names = self.names
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"metrics must have different names, got {name!r} {names.count(name)} times")
        if all(metric.source != RETURN for metric in self):
            raise ValueError(
                f"metrics must have one of {RETURN!r}, such as soc_env.metrics.REWARD; got {names}"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in self)

    @property
    def headlines(self) -> tuple[Metric, ...]:
        """Those that tables of teams show."""
        return tuple(metric for metric in self if metric.headline)

    @property
    def reward(self) -> Metric:
        """That of the episode's return, which is what learners climb."""
        return next(metric for metric in self if metric.source == RETURN)

    def column(self, name: str) -> int:
        """Where metric `name` stands.

        Raises:
            ValueError: there is none of that name.
        """
        if name not in self.names:
            raise ValueError(f"metric must be one of {', '.join(self.names)}; got {name!r}")
        return self.names.index(name)

    def __getitem__(self, key: Any) -> Any:
        """The metric of a name, or those of an index or slice."""
        return super().__getitem__(self.column(key) if isinstance(key, str) else key)

    def figures(self, measured: Mapping[str, Any]) -> list[Any]:
        """Every metric's figure, from the environment's `episode_metrics`: numbers or arrays."""
        return [measured[metric.source] * metric.factor for metric in self]

    def to_json(self) -> list[dict[str, Any]]:
        return [metric.to_json() for metric in self]

    @classmethod
    def from_json(cls, values: Sequence[Mapping[str, Any]]) -> Metrics:
        """The metrics of which `to_json` made `values`."""
        return cls([Metric(**value) for value in values])


RETURN: Final = "episode_return"
"""Key of the sum of an episode's rewards in every environment's `episode_metrics`."""

REWARD: Final = Metric(
    "reward", "sum of the episode's rewards", source=RETURN, better="higher", headline=True
)
LENGTH: Final = Metric("length", "steps of the episode", unit="steps")
