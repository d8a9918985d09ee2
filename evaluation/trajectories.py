"""Recorded episodes: what teams saw and did, for offline learning and for replays.

`soc-env evaluate --record FOLDER` writes one file for each team, `load` reads it. The files are NumPy's
own `.npz`, without pickles. Minari's datasets (0.5) could hold such episodes only with the whole team
declared as one agent and the truth among its infos; each is a folder that h5py or pyarrow reads, and its
collector needs jax. Here NumPy is enough, and a file keeps the agents apart.

Of a file with E episodes of N steps together:

| entry | type, shape | meaning |
|---|---|---|
| `metadata` | text | JSON: format, team, environment and its settings, names of the metrics |
| `episode_starts` | int64 (E + 1,) | the step at which each episode begins; the last entry is N |
| `seeds`, `lanes` | int64 (E,) | which episode it is: `reset(seed=seed, options={"lane": lane})` |
| `training_seeds` | int64 (E,) | of the policy that played; -1 for a team that is not trained |
| `metrics` | float64 (E, metrics) | figures of the scenario's metrics, in that order and those units |
| `actions/AGENT` | float32 (N, size), the triage's int64 (N,) | what each agent did |
| `rewards` | float64 (N,) | shared by all agents |
| `terminated`, `truncated` | bool (N,) | the end of an episode, at its last step |
| `observations/AGENT` | float32 (N + E, size) | what each agent saw, the last one of an episode included |
| `states` | float32 (N + E, size) | the simulator's truth, `env.state()`, at the same moments |

Episode e has the steps from `episode_starts[e]` on, and one moment more than steps: its moments begin at
`episode_starts[e] + e`. `soc_v0.fields(agent)` and `soc_v0.state_fields()` name the entries of
observations and states.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agent_zoo.files import write_atomically
from evaluation.comparison import Row, held_out_row
from evaluation.entrants import Entrant
from evaluation.environments import EnvSpec
from evaluation.protocol import PROTOCOL_VERSION, Progress
from soc_env.contract import Scenario
from soc_env.faces.vector import TeamVectorEnv, stack_final_observations
from soc_env.team import (
    AGENTS,
    CONTROL_SIZES,
    TRIAGE,
    Actions,
    Observations,
    join_observations,
    split_observations,
)

FORMAT: Final = "soc-env trajectories"
FORMAT_VERSION: Final = 1
SUFFIX: Final = ".npz"
NUM_EPISODES: Final = 100  # of a team, unless its user says otherwise
_UNTRAINED: Final = -1


@dataclass(frozen=True)
class Trajectory:
    """One episode of T steps.

    Attributes:
        observations: {agent: float32 (T + 1, size)}; row t is what it saw before step t.
        actions: {agent: float32 (T, size)}, the triage's verdicts int64 (T,).
        rewards: float64 (T,). terminated, truncated: bool (T,).
        states: float32 (T + 1, state size), the truth at the moments of the observations.
        metrics: the episode's figures by name, in the units of the scenario's metrics.
        seed, lane: which episode it is.
        training_seed: of the policy that played, None for a team that is not trained.
    """

    observations: Observations
    actions: Actions
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    states: NDArray[np.float32]
    metrics: dict[str, float]
    seed: int
    lane: int
    training_seed: int | None


@dataclass(frozen=True)
class Trajectories:
    """The episodes of one team.

    Attributes:
        metadata: of the file, see the module's docstring.
        episodes: in the order in which they were recorded.
    """

    metadata: dict[str, Any]
    episodes: tuple[Trajectory, ...]

    @property
    def spec(self) -> EnvSpec:
        """The environment that was played."""
        environment = self.metadata["environment"]
        return EnvSpec(environment["id"], environment["config"])

    def find(self, seed: int, lane: int) -> Trajectory:
        """The episode of a lane under a seed.

        Raises:
            ValueError: it was not recorded; the message says which were.
        """
        lanes: dict[int, int] = {}
        for episode in self.episodes:
            if (episode.seed, episode.lane) == (seed, lane):
                return episode
            lanes[episode.seed] = episode.lane
        recorded = "; ".join(f"{known} with lanes 0 to {last}" for known, last in lanes.items())
        raise ValueError(f"seed and lane must be of a recorded episode ({recorded}), got {seed} and {lane}")


def load(path: str | Path) -> Trajectories:
    """Read a file that `record_held_out` wrote.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is something else, or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            metadata = json.loads(str(file["metadata"]))
            if (metadata["format"], metadata["format_version"]) != (FORMAT, FORMAT_VERSION):
                raise ValueError(f"its format is {metadata['format']!r} {metadata['format_version']!r}")
            arrays = {name: file[name] for name in file.files}
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"path must be a file of {FORMAT}, version {FORMAT_VERSION}, got {path}: {error}"
        ) from None
    names = metadata["metrics"]
    episodes = tuple(_episode(arrays, names, index) for index in range(len(arrays["lanes"])))
    return Trajectories(metadata, episodes)


def file_path(folder: Path, entrant: Entrant) -> Path:
    """Where the episodes of a team go: a team by path or class has the last part of its name."""
    name = Path(entrant.name).resolve().name.rpartition(":")[2]
    return folder / f"{name}{'-untrained' if entrant.kind == 'untrained' else ''}{SUFFIX}"


def check_recording(folder: Path, entrants: Sequence[Entrant], num_recorded: int) -> None:
    """Raise a ValueError if nothing, or two teams in the same file, would be recorded."""
    if num_recorded < 1:
        raise ValueError(f"--record-episodes must be at least 1, got {num_recorded}")
    names: dict[Path, str] = {}
    for entrant in entrants:
        path = file_path(folder, entrant)
        if path in names:
            raise ValueError(
                f"teams must have different last names to be recorded, got {names[path]} and {entrant.name}, "
                f"both for {path.name}"
            )
        names[path] = entrant.name


def record_held_out(
    folder: Path,
    entrant: Entrant,
    spec: EnvSpec,
    evaluation_seeds: Sequence[int],
    num_episodes: int,
    num_recorded: int = NUM_EPISODES,
    progress: Progress | None = None,
    write: Callable[[Path, bytes], object] = write_atomically,
) -> Row:
    """`evaluation.comparison.held_out_row`, which also writes `file_path(folder, entrant)`.

    Of each evaluation seed the first lanes are kept, as many of each, `num_recorded` together at most. Of
    a team that fails nothing is written.
    """
    blocks = len(entrant.training_seeds) or len(evaluation_seeds)
    shares = [min(num_episodes, num_recorded // blocks + (k < num_recorded % blocks)) for k in range(blocks)]
    recording = _RecordingSpec(spec.env_id, spec.config, shares)
    row = replace(held_out_row(entrant, recording, evaluation_seeds, num_episodes, progress), spec=spec)
    if row.values is not None:
        content = io.BytesIO()
        arrays: dict[str, Any] = _columns(row, recording.made)
        np.savez_compressed(content, metadata=np.array(json.dumps(_metadata(row, spec))), **arrays)
        write(file_path(folder, entrant), content.getvalue())
    return row


@dataclass(frozen=True)
class _RecordingSpec(EnvSpec):
    """An environment of which each vector environment made keeps its first lanes' first episodes.

    Attributes:
        shares: how many lanes, for one vector environment after the other.
        made: these.
    """

    shares: Sequence[int] = ()
    made: list[_RecordingEnv] = field(default_factory=list)

    def make_vector_env(self, num_envs: int) -> TeamVectorEnv:
        scenario = self.scenario
        assert isinstance(scenario, Scenario)
        self.made.append(_RecordingEnv(scenario, num_envs, num_recorded=self.shares[len(self.made)]))
        return self.made[-1]


class _RecordingEnv(TeamVectorEnv):
    """Keeps what happens in the first episode of each of its first lanes; plays as any other."""

    def __init__(self, scenario: Scenario, num_envs: int, *, num_recorded: int) -> None:
        super().__init__(scenario, num_envs)
        self.num_recorded = num_recorded
        self._running = np.arange(num_recorded)  # those lanes whose first episode is not over
        self._steps: list[dict[str, NDArray[Any]]] = []
        self._moments: list[dict[str, NDArray[Any]]] = []

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        observations, info = super().reset(seed=seed, options=options)
        self._keep_moment(join_observations(observations), self.state())
        return observations, info

    def step(
        self, actions: Actions
    ) -> tuple[Observations, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        observations, rewards, terminated, truncated, info = result = super().step(actions)
        if self._running.size:
            # Rounding may leave an action just outside its bounds, which the rules clip it to.
            taken = {
                f"actions/{agent}": np.clip(actions[agent], -1.0, 1.0, dtype=np.float32)
                for agent in CONTROL_SIZES
            }
            taken[f"actions/{TRIAGE}"] = actions[TRIAGE].astype(np.int64)
            ends = {"terminated": terminated, "truncated": truncated}
            self._steps.append(self._of_running({**taken, "rewards": rewards, **ends}))
            joint, states = join_observations(observations), self.state()
            ended = terminated | truncated
            if ended.any():  # these lanes have begun anew
                lanes, final = stack_final_observations(info)
                joint[lanes], states[ended] = join_observations(final), info["final_state"][ended]
            self._keep_moment(joint, states)
            self._running = self._running[~ended[self._running]]
        return result

    def recorded(self) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """The columns over steps and those over moments, episode after episode; `lanes` says whose."""
        return _by_lane(self._steps), _by_lane(self._moments)

    def _keep_moment(self, joint: NDArray[np.float32], states: NDArray[np.float32]) -> None:
        seen = {f"observations/{agent}": rows for agent, rows in split_observations(joint).items()}
        self._moments.append(self._of_running({**seen, "states": states}))

    def _of_running(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return {"lanes": self._running, **{name: rows[self._running] for name, rows in columns.items()}}


def _by_lane(parts: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The parts' columns one after the other, and then all rows of lane 0, of lane 1 and so on."""
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(columns["lanes"], kind="stable")
    return {name: rows[order] for name, rows in columns.items()}


def _columns(row: Row, blocks: Sequence[_RecordingEnv]) -> dict[str, NDArray[Any]]:
    """The entries of the file but `metadata`."""
    assert row.values is not None
    parts: list[dict[str, NDArray[Any]]] = []
    for position, (seed, env) in enumerate(zip(row.seeds, blocks, strict=True)):
        if not env.num_recorded:
            continue
        steps, moments = env.recorded()
        lengths = np.bincount(steps.pop("lanes"))
        del moments["lanes"]
        training_seed = row.entrant.training_seeds[position] if row.entrant.training_seeds else _UNTRAINED
        episodes = {
            "lengths": lengths,
            "lanes": np.arange(len(lengths)),
            "seeds": np.full(len(lengths), seed),
            "training_seeds": np.full(len(lengths), training_seed),
            "metrics": row.values[position, : len(lengths)],
        }
        parts.append({**episodes, **steps, **moments})
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {"episode_starts": np.concatenate([[0], np.cumsum(columns.pop("lengths"))]), **columns}


def _metadata(row: Row, spec: EnvSpec) -> dict[str, Any]:
    entrant = row.entrant
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "protocol_version": PROTOCOL_VERSION,
        "team": {"name": entrant.name, "label": entrant.label, "kind": entrant.kind},
        "environment": {"id": spec.env_id, "config": dict(spec.config)},
        "metrics": list(row.metrics.names),
    }


def _episode(arrays: Mapping[str, NDArray[Any]], metrics: Sequence[str], index: int) -> Trajectory:
    """Views of one episode's part of the columns."""
    first, last = (int(step) for step in arrays["episode_starts"][index : index + 2])
    steps, moments = slice(first, last), slice(first + index, last + index + 1)
    training_seed = int(arrays["training_seeds"][index])
    return Trajectory(
        observations={agent: arrays[f"observations/{agent}"][moments] for agent in AGENTS},
        actions={agent: arrays[f"actions/{agent}"][steps] for agent in AGENTS},
        rewards=arrays["rewards"][steps],
        terminated=arrays["terminated"][steps],
        truncated=arrays["truncated"][steps],
        states=arrays["states"][moments],
        metrics=dict(zip(metrics, arrays["metrics"][index].tolist(), strict=True)),
        seed=int(arrays["seeds"][index]),
        lane=int(arrays["lanes"][index]),
        training_seed=None if training_seed == _UNTRAINED else training_seed,
    )
