"""From what a user names to a team of HMARL-SOC, for what only such teams can have done to them."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import agent_zoo
from agent_zoo.hmarl_soc.team import HMARLSOC
from evaluation.entrants import known_teams
from soc_env.command_line import soc_env_command
from soc_env.policy import class_of_file
from soc_env.team import HUNTER

POLICY: Final = "policy.safetensors"

Purpose = Literal["explain", "export"]

_WHY: Final[dict[Purpose, tuple[str, str]]] = {
    "explain": (
        "only its agents have explainers",
        soc_env_command("explain", "hmarl-soc", "--agent", HUNTER),
    ),
    "export": (
        "only its decision can be written as one computation",
        soc_env_command("export", "hmarl-soc"),
    ),
}
"""Why no other team will do, and a command that works."""


class OtherTeamError(ValueError):
    """What was named is no team of HMARL-SOC; the message says what it is, and why that will not do."""


def find_team(name: str, training_seed: int, env_id: str | None, purpose: Purpose) -> tuple[HMARLSOC, Path]:
    """A team of HMARL-SOC and its file.

    Args:
        name: the registered team, a training run's directory or a policy's file.
        training_seed: of the registered team.
        env_id: the environment; None takes the policy's own, and soc_v0 for the registered team.
        purpose: the command that needs it, for its errors.

    Raises:
        OtherTeamError: `name` stands for another kind of team, or for nothing.
        ValueError: the policy is for another environment, or its file is damaged.
        FileNotFoundError: there are no weights of that seed, or the training run has not ended.
    """
    path = Path(name)
    if name in agent_zoo.list_learners():
        path = agent_zoo.REGISTRY.weights(name, training_seed, env_id or "soc_v0")
    elif path.is_dir():
        path = path / POLICY
        if not path.is_file():
            raise FileNotFoundError(
                f"TEAM must be a training run that has ended, with {POLICY}; got {name}, which has none"
            )
    # The class is read before the policy is, so that no other team's code runs.
    if not path.is_file() or class_of_file(path) != HMARLSOC.class_name:
        why, command = _WHY[purpose]
        raise OtherTeamError(
            f"TEAM must be hmarl-soc, a training run of it or its policy's file ({why}); got {name}, "
            f"{_what(name, path)}; for instance: {command}"
        )
    policy = HMARLSOC.load(path)
    if env_id not in (None, policy.env_id):
        raise ValueError(f"--env must be {policy.env_id}, which {name} plays, got {env_id}")
    return policy, path


def _what(name: str, path: Path) -> str:
    if name in known_teams():
        return "which is another team"
    if not path.is_file():
        return "which is no registered team, training run or file"
    owner = class_of_file(path)
    if owner.startswith("agent_zoo.inference."):
        return f"which is exported already ({owner}): name the team that it was made from"
    return f"which is of {owner}"
