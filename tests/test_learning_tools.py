"""The tools that learners share: advantages, networks, configs, run directories."""

from __future__ import annotations

import csv
import dataclasses
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_zoo import files, output_lock
from agent_zoo.learning import checkpoint
from agent_zoo.learning.config import ConfigError, from_mapping, read_yaml, to_yaml, with_overrides
from agent_zoo.learning.episode_log import (
    COLUMNS,
    EpisodeLog,
    read_episodes,
    summarize_episodes,
)
from agent_zoo.learning.networks import mlp
from agent_zoo.learning.rollout import Rollout, generalized_advantages
from agent_zoo.learning.run_directory import RunDirectory, completed
from soc_env.seeds import EVALUATION_SEEDS, TRAINING_SEEDS, check_evaluation_seed, check_training_seed
from tests.soc_v0_metrics import METRICS, NAMES

# Advantages


def advantages_by_definition(
    rewards: np.ndarray,
    values: np.ndarray,
    next_values: np.ndarray,
    terminated: np.ndarray,
    truncated: np.ndarray,
    discount: float,
    trace: float,
) -> np.ndarray:
    """The sum over later steps of the same episode, written out for each step and lane."""
    steps, lanes = rewards.shape
    result = np.zeros((steps, lanes))
    for lane in range(lanes):
        for start in range(steps):
            for step in range(start, steps):
                target = rewards[step, lane]
                if not terminated[step, lane]:
                    target += discount * next_values[step, lane]
                result[start, lane] += (discount * trace) ** (step - start) * (target - values[step, lane])
                if terminated[step, lane] or truncated[step, lane]:
                    break
    return result


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 12),
    lanes=st.integers(1, 4),
    discount=st.floats(0, 1),
    trace=st.floats(0, 1),
)
def test_advantages_are_those_of_the_definition(
    seed: int, steps: int, lanes: int, discount: float, trace: float
) -> None:
    generator = np.random.default_rng(seed)
    floats = [generator.normal(size=(steps, lanes)) for _ in range(3)]
    ends = [generator.random((steps, lanes)) < 0.2 for _ in range(2)]
    expected = advantages_by_definition(*floats, *ends, discount, trace)
    found = generalized_advantages(*map(torch.from_numpy, floats + ends), discount, trace)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)


def test_truncation_bootstraps_and_termination_does_not() -> None:
    rewards, values, next_values = torch.zeros(1, 3), torch.full((1, 3), 0.5), torch.ones(1, 3)
    terminated = torch.tensor([[True, False, True]])
    truncated = torch.tensor([[False, True, True]])
    advantages = generalized_advantages(rewards, values, next_values, terminated, truncated, 0.9, 0.95)
    torch.testing.assert_close(advantages, torch.tensor([[-0.5, 0.4, -0.5]]))


def test_a_rollout_flattens_steps_before_lanes() -> None:
    rollout = Rollout(2, 3, {"reward": ((), torch.float32), "observation": ((4,), torch.float32)})
    for step in range(2):
        rollout.store(step, reward=torch.arange(3) + 10.0 * step)
    assert rollout.flat()["reward"].tolist() == [0, 1, 2, 10, 11, 12]
    assert rollout.flat()["observation"].shape == (6, 4)


# Networks


def test_a_network_begins_with_orthogonal_weights_and_the_output_gain() -> None:
    network = mlp(8, (16, 16), 4, output_gain=0.01, generator=torch.Generator().manual_seed(0))
    first, output = network[0].weight, network[-1].weight
    torch.testing.assert_close(first.T @ first, 2 * torch.eye(8))
    torch.testing.assert_close(output @ output.T, 1e-4 * torch.eye(4))


def test_a_network_draws_from_its_generator_alone() -> None:
    state = torch.get_rng_state()
    one, other = (mlp(3, (5,), 2, output_gain=1.0, generator=torch.Generator().manual_seed(1)) for _ in "ab")
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


# Configs


@dataclasses.dataclass(frozen=True)
class Settings:
    learning_rate: float
    epochs: int
    sizes: tuple[int, ...]
    fast: bool
    env: dict[str, Any]


VALUES: dict[str, Any] = {"learning_rate": 0.1, "epochs": 2, "sizes": [4, 4], "fast": True, "env": {}}


def test_a_config_survives_its_yaml_file(tmp_path: Path) -> None:
    config = Settings(3e-4, 4, (256, 256), False, {"stealth": 0.5})
    (tmp_path / "config.yaml").write_text(to_yaml(config))
    assert from_mapping(Settings, read_yaml(tmp_path / "config.yaml")) == config


def test_overrides_change_single_keys_and_reach_into_mappings() -> None:
    overrides = ["learning_rate=3e-4", "sizes=[8]", "env.stealth=0.5", "fast=false"]
    config = from_mapping(Settings, with_overrides(VALUES, overrides))
    assert config == Settings(3e-4, 2, (8,), False, {"stealth": 0.5})
    assert VALUES["env"] == {}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs=many", "epochs must be an integer, got 'many'"),
        ("epochs=1.5", "epochs must be an integer, got 1.5"),
        ("epochs=true", "epochs must be an integer, got True"),
        ("learning_rate=fast", "learning_rate must be a number, got 'fast'"),
        ("learning_rate=true", "learning_rate must be a number, got True"),
        ("fast=1", "fast must be true or false, got 1"),
        ("sizes=3", "sizes must be a list, got 3"),
        ("sizes=[3, x]", r"sizes\[1\] must be an integer, got 'x'"),
        ("env=3", "env must be a mapping, got 3"),
        ("epocs=3", r"epocs \(= 3\) is no config key; the keys are learning_rate, epochs"),
        ("epochs", "override must be key=value, got 'epochs'"),
        ("epochs=[", r"epochs must be a value in YAML, got '\['"),
        ("epochs.inner=3", "epochs must be a mapping, since 'epochs.inner' is set in it, got 2"),
    ],
)
def test_a_wrong_override_is_named_with_its_value_and_what_was_expected(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_mapping(Settings, with_overrides(VALUES, [override]))


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match="epochs must have a value"):
        from_mapping(Settings, {key: value for key, value in VALUES.items() if key != "epochs"})


# Files and checkpoints


def newest(folder: Path) -> Path | None:
    found = checkpoint.load_newest(folder)
    return found and found.path


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.json"
    files.write_atomically(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


def test_checkpoints_hold_any_array_and_the_last_two_are_kept(tmp_path: Path) -> None:
    tensors = {
        "scalar": np.array(1.5),
        "flags": np.array([True, False]),
        "empty": np.zeros((0, 3), np.int64),
        "transposed": np.arange(6.0).reshape(2, 3).T,
    }
    for step in (9, 10, 100):
        path = checkpoint.save_checkpoint(tmp_path, step, tensors, {"step": step}, b"a,b\n")
    assert newest(tmp_path) == path
    assert len(list(tmp_path.iterdir())) == 2
    _, loaded, rest, log = checkpoint.load_checkpoint(path)
    assert (rest, log) == ({"step": 100}, b"a,b\n")
    assert loaded.keys() == tensors.keys()
    for name, array in tensors.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype


def test_a_checkpoint_cut_off_while_it_was_written_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = checkpoint.save_checkpoint(tmp_path, 1, {"a": np.ones(3)}, {})

    def killed(path: Path, content: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_json_atomically", killed)
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save_checkpoint(tmp_path, 2, {"a": np.zeros(3)}, {})
    assert newest(tmp_path) == whole
    second = checkpoint.save_checkpoint(tmp_path, 2, {"a": np.zeros(3)}, {})
    assert newest(tmp_path) == second


def test_what_was_written_stays_written_where_folders_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def no_folders(path: Any, flags: int, *args: Any, **options: Any) -> int:
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "as Windows answers", str(path))
        return opened(path, flags, *args, **options)

    def no_sync(descriptor: int) -> None:
        raise OSError(errno.EINVAL, "as some network file systems answer")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "open", no_folders)
        files.write_atomically(tmp_path / "windows", b"content")
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", no_sync)
        files.write_atomically(tmp_path / "network", b"content")
        log = EpisodeLog(tmp_path / "episodes.csv", METRICS, limit=3)
        log.record(finished(1, [0], 1.0), step=1)
        assert log.sync() == (tmp_path / "episodes.csv").read_bytes()
        log.close()
        checkpoint.save_checkpoint(tmp_path / "checkpoints", 1, {"a": np.ones(3)}, {})
    assert newest(tmp_path / "checkpoints") is not None
    for name in ("windows", "network"):
        assert (tmp_path / name).read_bytes() == b"content"


def empty(path: Path) -> None:
    for file in path.iterdir():
        file.unlink()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "tensors cut off": lambda path: os.truncate(path / "tensors.safetensors", 40),
    "a bit of the tensors turned": lambda path: turn_a_bit(path / "tensors.safetensors"),
    "tensors gone": lambda path: (path / "tensors.safetensors").unlink(),
    "rest edited": lambda path: (path / "rest.json").write_text('{"step": 3}', encoding="utf-8"),
    "log cut off": lambda path: os.truncate(path / "episodes.csv", 1),
    "digests gone": lambda path: (path / "sha256.json").unlink(),
    "an empty folder": empty,
}


def turn_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_said_to_be_and_the_newest_whole_one_taken(
    damage: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, newer = (
        checkpoint.save_checkpoint(tmp_path, step, {"a": np.ones(3)}, {"step": step}, b"a,b\n")
        for step in (1, 2)
    )
    damage(newer)
    assert newest(tmp_path) == whole
    assert f"the checkpoint {newer} is damaged" in caplog.text
    assert f"going back to {whole.name}" in caplog.text
    caplog.clear()
    later = [checkpoint.save_checkpoint(tmp_path, step, {"a": np.zeros(3)}, {}) for step in (2, 3, 4)]
    assert newest(tmp_path) == later[-1]
    assert whole not in tmp_path.iterdir(), "the last two are kept"
    assert not caplog.text


@pytest.mark.parametrize("name", ["step-", "step-9 (copy)", "step-000000000009.bak", "step-abc", "notes"])
def test_what_is_not_named_as_checkpoints_are_stands_in_no_ones_way(name: str, tmp_path: Path) -> None:
    whole = checkpoint.save_checkpoint(tmp_path, 1, {"a": np.ones(3)}, {})
    (tmp_path / name).mkdir()
    assert newest(tmp_path) == whole
    for step in (2, 3):
        latest = checkpoint.save_checkpoint(tmp_path, step, {"a": np.ones(3)}, {})
    assert newest(tmp_path) == latest
    assert (tmp_path / name).is_dir()


def test_a_file_in_a_checkpoints_place_is_no_checkpoint(tmp_path: Path) -> None:
    whole = checkpoint.save_checkpoint(tmp_path, 1, {"a": np.ones(3)}, {})
    (tmp_path / "step-000000000002").write_text("a file", encoding="utf-8")
    assert newest(tmp_path) == whole


def test_without_any_whole_checkpoint_nothing_is_begun_over_what_is_left(tmp_path: Path) -> None:
    path = checkpoint.save_checkpoint(tmp_path, 1, {"a": np.ones(3)}, {})
    (path / "rest.json").unlink()
    with pytest.raises(checkpoint.CheckpointError, match=r"no checkpoint in .* is whole; to begin anew"):
        checkpoint.load_newest(tmp_path)
    assert path.is_dir()


def test_a_checkpoint_for_which_there_is_no_room_leaves_none_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = checkpoint.save_checkpoint(tmp_path, 1, {"a": np.ones(3)}, {})

    def full(path: Path, content: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoint, "write_json_atomically", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save_checkpoint(tmp_path, 2, {"a": np.ones(3)}, {})
    assert list(tmp_path.iterdir()) == [whole]


def test_checkpoints_are_due_by_interval_and_take_at_most_their_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    clock = checkpoint.CheckpointClock(interval=60, share=0.05)
    now[0] += 59
    assert not clock.due()
    now[0] += 1
    assert clock.due()
    clock.took(6.0)
    now[0] += 119
    assert not clock.due()
    now[0] += 1
    assert clock.due()


def test_an_optimizer_goes_on_as_if_never_saved() -> None:
    weights = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    optimizers = [torch.optim.Adam([weight], lr=0.1) for weight in weights]

    def step(index: int) -> None:
        optimizers[index].zero_grad()
        (weights[index] ** 3).sum().backward()
        optimizers[index].step()

    for _ in range(3):
        step(0)
    with torch.no_grad():
        weights[1].copy_(weights[0])
    checkpoint.load_optimizer_tensors(optimizers[1], checkpoint.optimizer_tensors(optimizers[0]))
    for index in (0, 1):
        step(index)
    assert torch.equal(weights[0], weights[1])


# Run directories


def finished(lanes: int, ended: list[int], reward: float) -> dict[str, Any]:
    """The info of a vector step in which the episodes of some lanes ended."""
    mask = np.isin(np.arange(lanes), ended)
    metrics = {metric.source: np.full(lanes, reward) for metric in METRICS}
    return {"final_info": {"episode_metrics": metrics, "_episode_metrics": mask}, "_final_info": mask}


def open_run(path: Path, seed: int = 1, resume: bool = False, config: Settings | None = None) -> RunDirectory:
    return RunDirectory(
        path,
        config or from_mapping(Settings, VALUES),
        learner="toy",
        seed=seed,
        metrics=METRICS,
        num_episodes=5,
        checkpoint_seconds=60,
        resume=resume,
    )


def test_the_csv_has_one_row_for_each_finished_episode(tmp_path: Path) -> None:
    log = EpisodeLog(tmp_path / "episodes.csv", METRICS, limit=3)
    log.record({}, step=4)
    log.record(finished(4, [1, 3], 0.5), step=8)
    log.record(finished(4, [0, 2], 2.0), step=12)
    log.sync()
    with open(tmp_path / "episodes.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == [*COLUMNS, *NAMES]
    assert [row[:4] for row in rows[1:]] == [
        ["1", "8", "1", "0.5"],
        ["2", "8", "3", "0.5"],
        ["3", "12", "0", "2"],
    ]
    assert rows[1][rows[0].index("fpr_percent")] == "50"
    assert log.full
    assert log.recent_return == pytest.approx(1.0)
    assert summarize_episodes(tmp_path / "episodes.csv", METRICS, last=2)["reward"] == pytest.approx(1.25)
    log.close()


def test_a_resumed_run_forgets_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    with open_run(tmp_path / "run") as run:
        run.episodes.record(finished(2, [0], 1.0), step=2)
        run.log(2, {"loss": 1.0})
        run.save_checkpoint(2, {"weights": np.arange(3)})
        run.episodes.record(finished(2, [1], 7.0), step=4)
        run.log(4, {"loss": 7.0})
    assert len(read_episodes(tmp_path / "run" / "episodes.csv")) == 2
    time.sleep(1.1)  # TensorBoard reads event files in the order of the seconds in which they began
    with open_run(tmp_path / "run", resume=True) as run:
        assert run.restored is not None
        np.testing.assert_array_equal(run.restored["weights"], np.arange(3))
        assert run.step == 2
        assert run.episodes.count == 1
        assert run.episodes.recent_return == 1.0
        run.episodes.record(finished(2, [1], 2.0), step=4)
        run.log(4, {"loss": 2.0})
    assert [row["reward"] for row in read_episodes(tmp_path / "run" / "episodes.csv")] == [1.0, 2.0]

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(2, 1.0), (4, 2.0)]


LOG_DAMAGES: dict[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "cut off within a row": lambda path: os.truncate(path, path.stat().st_size - 3),
    "emptied": lambda path: os.truncate(path, 0),
    "edited": lambda path: path.write_bytes(path.read_bytes().replace(b"50", b"60")),
    "saved with other ends of lines": lambda path: path.write_bytes(
        path.read_bytes().replace(b"\n", b"\r\n")
    ),
}


@pytest.mark.parametrize("damage", LOG_DAMAGES.values(), ids=LOG_DAMAGES)
def test_a_log_that_was_changed_is_restored_from_the_checkpoint_and_said_to_be(
    damage: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "run" / "episodes.csv"
    with open_run(tmp_path / "run") as run:
        run.episodes.record(finished(2, [0, 1], 0.5), step=2)
        run.save_checkpoint(2, {"weights": np.arange(3)})
    kept = log.read_bytes()
    damage(log)
    with open_run(tmp_path / "run", resume=True) as run:
        assert f"{log} is gone or was changed: it is restored from the checkpoint" in caplog.text
        assert run.episodes.count == 2
        run.episodes.record(finished(2, [0], 0.5), step=4)
    content = log.read_bytes()
    assert content.startswith(kept)
    assert b"\0" not in content
    assert [row["episode"] for row in read_episodes(log)] == [1, 2, 3]


def test_a_log_that_is_deleted_while_training_is_written_again(tmp_path: Path) -> None:
    log = tmp_path / "run" / "episodes.csv"
    with open_run(tmp_path / "run") as run:
        run.episodes.record(finished(2, [0], 1.0), step=2)
        log.unlink()
        run.save_checkpoint(2, {"weights": np.arange(3)})
        run.episodes.record(finished(2, [0], 1.0), step=4)
        run.finish(4)
    assert [row["episode"] for row in read_episodes(log)] == [1, 2]


def test_a_run_that_is_being_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_lock, "SECONDS_TO_WAIT", 0.0)
    with open_run(tmp_path / "run") as run:
        for resume in (False, True):
            with pytest.raises(output_lock.OutputInUseError, match=f"written by process {os.getpid()} on"):
                open_run(tmp_path / "run", resume=resume)
        run.save_checkpoint(2, {"weights": np.arange(3)})
    with open_run(tmp_path / "run", resume=True) as run:
        assert run.step == 2


@pytest.mark.parametrize("name", ["run.json", "config.yaml"])
def test_a_run_without_what_says_whose_it_is_is_neither_resumed_nor_mixed_with_another(
    name: str, tmp_path: Path
) -> None:
    with open_run(tmp_path / "run") as run:
        run.save_checkpoint(2, {"weights": np.arange(3)})
    (tmp_path / "run" / name).unlink()
    with pytest.raises(ConfigError, match=r"must have its run\.json and config\.yaml"):
        open_run(tmp_path / "run", resume=True)
    with pytest.raises(FileExistsError):
        open_run(tmp_path / "run")


def test_a_complete_run_has_its_summary_and_no_checkpoints(tmp_path: Path) -> None:
    settings = from_mapping(Settings, VALUES)
    with open_run(tmp_path / "run") as run:
        run.episodes.record(finished(2, [0, 1], 1.0), step=2)
        run.save_checkpoint(2, {"weights": np.arange(3)})
        assert not completed(run.path, settings, learner="toy", seed=1)
        run.finish(2)
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert completed(tmp_path / "run", settings, learner="toy", seed=1)
    for other in ({"learner": "toy", "seed": 2}, {"learner": "game", "seed": 1}):
        with pytest.raises(ConfigError, match=r"(seed|learner) must be .* as in the run to resume"):
            completed(tmp_path / "run", settings, **other)
    assert not completed(tmp_path / "nothing", settings, learner="toy", seed=1)


def test_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    with open_run(tmp_path / "run") as run:
        run.episodes.record(finished(2, [0, 1], 1.0), step=2)
    with open_run(tmp_path / "run", resume=True) as run:
        assert run.restored is None
        assert run.step == run.episodes.count == 0
    assert read_episodes(tmp_path / "run" / "episodes.csv") == []


def test_a_directory_that_holds_a_run_is_not_overwritten(tmp_path: Path) -> None:
    with open_run(tmp_path / "run"):
        pass
    with pytest.raises(FileExistsError, match="run_dir must be a new directory unless a run is resumed"):
        open_run(tmp_path / "run")


def test_resuming_with_another_seed_or_config_names_the_difference(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", seed=1):
        pass
    with pytest.raises(ConfigError, match=r"seed must be 1, as in the run to resume .*, got 2"):
        open_run(tmp_path / "run", seed=2, resume=True)
    other = from_mapping(Settings, {**VALUES, "epochs": 3})
    with pytest.raises(ConfigError, match=r"epochs must be 2, as in the run to resume .*, got 3"):
        open_run(tmp_path / "run", seed=1, resume=True, config=other)


# Seeds


def test_training_and_evaluation_seeds_share_nothing_and_refuse_each_other() -> None:
    assert TRAINING_SEEDS.stop == EVALUATION_SEEDS.start
    assert check_training_seed(np.int64(42)) == 42
    assert check_evaluation_seed(10**9) == 10**9
    with pytest.raises(ValueError, match=r"seed must be an integer from 0 to 999999999 .*, got 1000000000"):
        check_training_seed(10**9)
    with pytest.raises(ValueError, match=r"base must be an integer from 1000000000 to 2147483647 .*, got 42"):
        check_evaluation_seed(42, "base")
    for wrong in (True, 1.0, "1"):
        with pytest.raises(TypeError, match="seed must be an integer"):
            check_training_seed(wrong)  # type: ignore[arg-type]
