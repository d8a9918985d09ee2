"""A learner as the command line and the sweep see it: a config and a function that trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from agent_zoo.learning.config import from_mapping, merged, read_yaml, with_overrides
from agent_zoo.learning.environment import check_device, check_env, scenario_of


class TrainFunction(Protocol):
    """What a learner's module offers."""

    def __call__(
        self, config: Any, *, seed: int, run_dir: Path, resume: bool = False, progress: bool = True
    ) -> Path:
        """Train one policy and return the path of its file in `run_dir`."""
        ...


@dataclass(frozen=True)
class Trainer:
    """One learner.

    Attributes:
        name: for instance "single-drl".
        config_class: its frozen config dataclass.
        config_folder: where `<name>.yaml` with every key lies, and named variations with some.
        train: its training function.
    """

    name: str
    config_class: type
    config_folder: Path
    train: TrainFunction

    def default_config(self) -> Any:
        """The packaged config."""
        return self.load_config(None)

    def load_config(self, path: str | Path | None, overrides: Sequence[str] = ()) -> Any:
        """The packaged config, changed by a file and then by overrides.

        Args:
            path: a YAML file with some or all keys, or the name of a packaged one
                ("single-drl-demo"), or None.
            overrides: "key=value" strings; "env.stealth=0.5" reaches into a mapping.

        Raises:
            ConfigError: an unknown key or a value that does not fit, named in the message.
            FileNotFoundError: there is no such file.
        """
        values = read_yaml(self.config_folder / f"{self.name}.yaml")
        if path is not None:
            values = merged(values, read_yaml(self._find(path)))
        return from_mapping(self.config_class, with_overrides(values, overrides))

    def check(self, config: Any, device: bool = True) -> None:
        """Check what a config says of the world around it, before any work is done for it.

        Args:
            config: one of this learner's.
            device: whether this machine must have the device that the config names.

        Raises:
            ConfigError: there is no such environment, setting or device, or the scenario lacks what the
                learner needs.
            ImportError: the environment needs something that is not installed.
        """
        check_env(config)
        if hasattr(config, "check_scenario"):
            config.check_scenario(scenario_of(config))
        if device and hasattr(config, "device"):
            check_device(config.device)

    def _find(self, path: str | Path) -> Path:
        packaged = self.config_folder / f"{path}.yaml"
        if Path(path).is_file():
            return Path(path)
        if packaged.is_file():
            return packaged
        names = ", ".join(sorted(file.stem for file in self.config_folder.glob(f"{self.name}*.yaml")))
        raise FileNotFoundError(f"config must be a YAML file or one of {names}, got {str(path)!r}")
