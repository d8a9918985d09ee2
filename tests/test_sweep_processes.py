"""Runs of a sweep in other processes end as in this one, also where a process is killed.

Slow, since each process imports torch, which takes seconds.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("tyro")
pytest.importorskip("rich")
pytest.importorskip("scipy")
pytest.importorskip("torch")

from evaluation.sweep.local import LocalPool
from evaluation.sweep.on_ray import RayCluster, resources
from evaluation.sweep.schedule import Backend, Run, State, carry_out
from tests.sweeps import (
    DIVERGES,
    LONG,
    SHORT,
    alive,
    contents,
    has_checkpoint,
    runs_of,
    sweep,
    wait_for,
    written,
)


class TestLocalPool:
    def test_gives_the_same_files_as_this_process_and_tells_what_was_raised(self, tmp_path: Path) -> None:
        assert sweep("--seeds", "1", output=tmp_path / "here") == 0
        good, bad = *runs_of(tmp_path / "good", 1), *runs_of(tmp_path / "bad", 1, settings=(*SHORT, DIVERGES))
        with closing(LocalPool(2)) as backend:
            carry_out([good, bad], backend, retries=2)
        assert (good.state, bad.state) == (State.DONE, State.FAILED)
        assert len({os.getpid(), *(run.started.pid for run in (good, bad) if run.started)}) == 3
        assert contents(good.job.run_dir) == contents(tmp_path / "here" / "single-drl" / "1")
        assert not (good.job.run_dir / "worker.log").exists()  # there was nothing to put into it
        assert bad.failure is not None
        assert bad.failure.message.startswith("FloatingPointError: step 256")
        assert "raise FloatingPointError" in bad.failure.traceback

    def test_starts_no_more_processes_at_once_than_it_may(self, tmp_path: Path) -> None:
        running, most = 0, 0

        def count(run: Run) -> None:
            nonlocal running, most
            running += 1 if run.state is State.RUNNING else -1
            most = max(most, running)

        runs = [
            Run(dataclasses.replace(run.job, learner="nobody"))  # which fails soon
            for run in runs_of(tmp_path, 1, 2, 3, 4)
        ]
        with closing(LocalPool(2)) as backend:
            carry_out(runs, backend, retries=0, on_change=count)
        assert (running, most) == (0, 2)
        assert all(run.failure and "learner must be one of" in run.failure.message for run in runs)


class Killer:
    """Kills the process of one seed's run as soon as there is a checkpoint, the first `times` times."""

    def __init__(self, seed: int, times: int) -> None:
        self.seed, self.times = seed, times

    def __call__(self, run: Run) -> None:
        if run.job.seed == self.seed and run.state is State.RUNNING and len(run.deaths) < self.times:
            wait_for(lambda: has_checkpoint(run.job.run_dir))
            assert run.started is not None
            os.kill(run.started.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def long_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two seeds' runs, trained in this process."""
    output = tmp_path_factory.mktemp("long")
    assert sweep("--seeds", "1", "2", output=output, settings=LONG) == 0
    return output / "single-drl"


def assert_a_killed_run_ends_as_if_it_had_not_been(backend: Backend, output: Path, expected: Path) -> Run:
    """The run that was killed."""
    runs = runs_of(output, 1, 2, settings=LONG)
    carry_out(runs, backend, retries=1, on_change=Killer(seed=1, times=1))
    assert [run.state for run in runs] == [State.DONE, State.DONE]
    assert [len(run.deaths) for run in runs] == [1, 0]
    for run in runs:
        assert contents(run.job.run_dir) == contents(expected / str(run.job.seed))
    return runs[0]


@pytest.mark.resume
class TestKilling:
    def test_a_worker_costs_only_its_own_run_which_is_resumed(self, tmp_path: Path, long_runs: Path) -> None:
        with closing(LocalPool(2)) as backend:
            killed = assert_a_killed_run_ends_as_if_it_had_not_been(backend, tmp_path, long_runs)
        assert killed.deaths == ["killed by SIGKILL"]

    def test_a_worker_too_often_fails_its_run_only(self, tmp_path: Path, long_runs: Path) -> None:
        runs = runs_of(tmp_path, 1, 2, settings=LONG)
        with closing(LocalPool(2)) as backend:
            carry_out(runs, backend, retries=1, on_change=Killer(seed=1, times=2))
        assert [run.state for run in runs] == [State.FAILED, State.DONE]
        assert runs[0].failure is not None
        assert runs[0].failure.message == "its process died: killed by SIGKILL, 2 times in all"
        assert contents(runs[1].job.run_dir) == contents(long_runs / "2")

    @pytest.mark.parametrize(
        ("kill", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
    )
    def test_the_sweep_ends_its_workers_and_the_same_command_goes_on(
        self, kill: signal.Signals, status: int, tmp_path: Path, long_runs: Path
    ) -> None:
        command = [sys.executable, "-m", "evaluation.cli", "sweep", "single-drl", "--seeds", "1", "2"]
        command += ["--workers", "2", "--output", str(tmp_path), "--set", *LONG]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        wait_for(lambda: has_checkpoint(tmp_path / "single-drl" / "1"))
        if kill is signal.SIGINT:
            os.killpg(process.pid, kill)  # as a terminal sends Ctrl-C to all of them
        else:
            process.send_signal(kill)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == status, out
        assert "Traceback" not in out
        workers = [int(pid) for pid in re.findall(r"running, process (\d+)", out)]
        assert len(workers) == 2
        wait_for(lambda: not any(alive(pid) for pid in workers), seconds=10)
        assert not (tmp_path / "single-drl" / "1" / "metrics.json").exists(), (
            "it ended before: train for longer"
        )

        assert sweep("--seeds", "1", "2", output=tmp_path, settings=LONG) == 0
        for seed in "12":
            assert contents(tmp_path / "single-drl" / seed) == contents(long_runs / seed)


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'soc-env[ray]'")
    with closing(RayCluster(None)) as backend:
        yield backend


@pytest.mark.ray
class TestRay:
    def test_gives_the_same_files_as_this_process_and_tells_what_was_raised(
        self, cluster: RayCluster, tmp_path: Path
    ) -> None:
        assert sweep("--seeds", "1", "2", output=tmp_path / "here") == 0
        runs = runs_of(tmp_path / "ray", 1, 2)
        runs += runs_of(tmp_path / "bad", 3, settings=(*SHORT, DIVERGES))
        carry_out(runs, cluster, retries=2)
        assert [run.state for run in runs] == [State.DONE, State.DONE, State.FAILED]
        for run in runs[:2]:
            assert contents(run.job.run_dir) == contents(tmp_path / "here" / "single-drl" / str(run.job.seed))
        assert runs[2].failure is not None
        assert runs[2].failure.message.startswith("FloatingPointError: step 256")
        assert not runs[2].deaths

    def test_a_worker_that_is_killed_costs_only_its_own_run_which_is_resumed(
        self, cluster: RayCluster, tmp_path: Path, long_runs: Path
    ) -> None:
        killed = assert_a_killed_run_ends_as_if_it_had_not_been(cluster, tmp_path, long_runs)
        assert killed.deaths[0].startswith("WorkerCrashedError")

    def test_a_worker_that_is_killed_too_often_fails_its_run_only(
        self, cluster: RayCluster, tmp_path: Path
    ) -> None:
        runs = runs_of(tmp_path, 1, 2, settings=LONG)
        carry_out(runs, cluster, retries=0, on_change=Killer(seed=1, times=1))
        assert [run.state for run in runs] == [State.FAILED, State.DONE]

    def test_the_command_starts_a_cluster_and_ends_it(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "evaluation.cli", "sweep", "single-drl", "--seeds", "1"]
        command += ["--ray", "--output", str(tmp_path), "--set", *SHORT]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "single-drl 1: done: 40/40 episodes" in done.stdout
        assert written(tmp_path)[0]["state"] == "done"


class TestRayAddresses:
    @pytest.mark.parametrize(
        ("address", "message"),
        [
            ("nowhere", "--ray must be auto or HOST:PORT, got 'nowhere'"),
            ("ray://127.0.0.1:10001", "--ray must be auto or HOST:PORT"),
            ("127.0.0.1:1", "--ray must be the address of a cluster, got 127.0.0.1:1"),
        ],
    )
    def test_one_without_a_cluster_is_refused_at_once(
        self, address: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        pytest.importorskip("ray")
        assert sweep("--ray", address, output=tmp_path / "out") == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    def test_without_ray_one_line_says_what_to_install(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "ray", None)
        assert sweep("--ray", output=tmp_path / "out") == 2
        assert "pip install 'soc-env[ray]'" in capsys.readouterr().err

    def test_a_run_asks_for_its_threads_and_a_gpu_but_for_no_more_than_this_machine_has(self) -> None:
        assert resources({"num_threads": 4, "device": "cuda"}, None) == {"num_cpus": 4, "num_gpus": 1}
        assert resources({"num_threads": 4, "device": "cpu"}, {"CPU": 2.0}) == {"num_cpus": 2, "num_gpus": 0}
        assert resources({"device": "cuda:0"}, {"CPU": 2.0}) == {"num_cpus": 1, "num_gpus": 0}
