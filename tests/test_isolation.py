"""Third parties' policies in a process of their own: what they do there hurts their own row alone."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from baselines import scripted
from evaluation import entrants
from evaluation.comparison import Row, held_out_row
from evaluation.entrants import find_entrants
from evaluation.isolation import IsolatedPolicy, Limits
from evaluation.protocol import play_held_out
from evaluation.seeds import evaluation_seeds
from soc_env.team import HUNTER, OBSERVATION_SIZES, RESPONDER, TRIAGE
from tests.teams import SEED, SPEC
from tests.test_cli import FEW, run

NUM_LANES = 4


class Hostile(scripted.TunedSOAR):
    """Behaves until its third step."""

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        self.step = 0

    def act(self, observations: Any, episode_starts: Any = None) -> Any:
        self.step += 1
        actions = super().act(observations, episode_starts)
        return self.misbehave(actions) if self.step == 3 else actions

    def misbehave(self, actions: Any) -> Any:
        raise NotImplementedError


class Raises(Hostile):
    def misbehave(self, actions: Any) -> Any:
        raise KeyError("oops \x1b[31m")


class RaisesTheUnprintable(Hostile):
    def misbehave(self, actions: Any) -> Any:
        class Unprintable(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        raise Unprintable


class SystemExits(Hostile):
    def misbehave(self, actions: Any) -> Any:
        sys.exit(0)


class ExitsAtOnce(Hostile):
    def misbehave(self, actions: Any) -> Any:
        os._exit(7)


class Crashes(Hostile):
    def misbehave(self, actions: Any) -> Any:
        os.kill(os.getpid(), signal.SIGSEGV)


class Hangs(Hostile):
    def misbehave(self, actions: Any) -> Any:
        while True:
            time.sleep(1)


class HangsInItsConstructor(scripted.TunedSOAR):
    def __init__(self) -> None:
        time.sleep(1000)


class ExitsInItsConstructor(scripted.TunedSOAR):
    def __init__(self) -> None:
        sys.exit("no")


class HangsInReset(scripted.TunedSOAR):
    def reset(self, num_envs: int, seed: int | None = None) -> None:
        time.sleep(1000)


class TakesMemoryWithoutEnd(Hostile):
    def misbehave(self, actions: Any) -> Any:
        hoard = []
        while True:
            hoard.append(np.ones(2**22))


class LetsAChildTakeIt(Hostile):
    def misbehave(self, actions: Any) -> Any:
        subprocess.run([sys.executable, "-c", "x = [b'x' * 2**25 for _ in iter(int, 1)]"], check=False)


class ForgetsAnAgent(Hostile):
    def misbehave(self, actions: Any) -> Any:
        return {"intern" if agent == TRIAGE else agent: action for agent, action in actions.items()}


class ActsForTooManyLanes(Hostile):
    def misbehave(self, actions: Any) -> Any:
        return {agent: np.repeat(action, 2, axis=0) for agent, action in actions.items()}


class ActsForEverybody(Hostile):
    def misbehave(self, actions: Any) -> Any:
        return {**actions, HUNTER: np.zeros((2**20, 16), np.float64)}


class GivesNaN(Hostile):
    def misbehave(self, actions: Any) -> Any:
        actions[HUNTER][1, 2] = np.nan
        return actions


class ExceedsItsBounds(Hostile):
    def misbehave(self, actions: Any) -> Any:
        actions[RESPONDER][1, 2] = 1.5
        return actions


class GivesAList(Hostile):
    def misbehave(self, actions: Any) -> Any:
        return {**actions, HUNTER: actions[HUNTER].tolist()}


class GivesNothing(Hostile):
    def misbehave(self, actions: Any) -> Any:
        return None


class ShipsCode(Hostile):
    """If these actions were pickled, unpickling them would end the evaluator."""

    class Bomb:
        def __reduce__(self) -> Any:
            return os._exit, (99,)

    def misbehave(self, actions: Any) -> Any:
        return {**actions, HUNTER: np.full(actions[HUNTER].shape, self.Bomb(), object)}


class SpeaksForItself(Hostile):
    """Finds the socket, and writes what is no answer."""

    message = b"\xff\xff\xff\xff"

    def misbehave(self, actions: Any) -> Any:
        connection = next(thing for thing in gc.get_objects() if isinstance(thing, socket.socket))
        connection.sendall(self.message)
        time.sleep(1000)


class NestsWithoutEnd(SpeaksForItself):
    message = (60_000).to_bytes(4, "little") + b"[" * 60_000


class NamesAnObjectDtype(SpeaksForItself):
    header = b'{"arrays": [["threat_hunter", "|O", [10]]]}'
    message = len(header).to_bytes(4, "little") + header


class LooksForTheEnvironment(Hostile):
    """Raises if it finds it."""

    def misbehave(self, actions: Any) -> Any:
        seen = list(gc.get_objects())
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            seen += frame.f_locals.values()
        found = {type(thing).__name__ for thing in seen} & {"TeamVectorEnv", "Engine"}
        if found:
            raise RuntimeError(f"found {sorted(found)}")
        return actions


class Prints(Hostile):
    def misbehave(self, actions: Any) -> Any:
        print("noise", flush=True)
        print("noise", file=sys.stderr, flush=True)
        os.write(1, b"noise\n")
        return actions


class LeavesAProcess(scripted.TunedSOAR):
    """Its version is the process that it has started."""

    def __init__(self) -> None:
        super().__init__()
        sleeper = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True
        )
        self.version = str(sleeper.pid)  # type: ignore[misc]


class Dice(scripted.Random):
    """A third party's policy that draws from its seed."""


PATIENT = Limits(act_seconds=60.0, load_seconds=60.0, memory_gib=0.7)
SHORT_OF_TIME = Limits(act_seconds=2.0)
SHORT_OF_LOADING_TIME = Limits(load_seconds=2.0)

HOSTILE: dict[str, tuple[type, Limits, str]] = {
    "raising": (Raises, PATIENT, r"act raised .*KeyError: .*oops.* at step 3"),
    "raising what has no text": (RaisesTheUnprintable, PATIENT, r"act raised .*Unprintable at step 3"),
    "sys.exit": (SystemExits, PATIENT, r"act raised .*SystemExit: 0 at step 3"),
    "os._exit": (ExitsAtOnce, PATIENT, r"act raised .*process exited with status 7 at step 3"),
    "crashing": (Crashes, PATIENT, r"act raised .*process was ended by signal 11 .* at step 3"),
    "hanging": (Hangs, SHORT_OF_TIME, r"act raised TimeoutError: .*time limit of 2 seconds at step 3"),
    "hanging when it is reset": (
        HangsInReset,
        SHORT_OF_TIME,
        r"reset raised TimeoutError: .*time limit of 2 seconds",
    ),
    "hanging when it is made": (
        HangsInItsConstructor,
        SHORT_OF_LOADING_TIME,
        r"could not be loaded: .*time limit of 2 seconds",
    ),
    "exiting when it is made": (ExitsInItsConstructor, PATIENT, r"could not be loaded: SystemExit: no"),
    "memory": (
        TakesMemoryWithoutEnd,
        PATIENT,
        r"act raised MemoryError: .*memory limit of 0\.7 GiB at step 3",
    ),
    "memory of a child": (
        LetsAChildTakeIt,
        PATIENT,
        r"act raised MemoryError: .*memory limit of 0\.7 GiB at step 3",
    ),
    "wrong agent": (ForgetsAnAgent, PATIENT, r"missing \['alert_triage'\], unknown \['intern'\] at step 3"),
    "wrong shape": (ActsForTooManyLanes, PATIENT, r"alert_triage: .*shape \(4,\), got \(8,\) at step 3"),
    "too much": (ActsForEverybody, PATIENT, r"actions must take at most .* 'threat_hunter' .* at step 3"),
    "NaN": (GivesNaN, PATIENT, r"threat_hunter: .*got nan in entry 2 of lane 1 at step 3"),
    "out of range": (
        ExceedsItsBounds,
        PATIENT,
        r"response_orchestrator: .*got 1\.5 in entry 2 of lane 1 at step 3",
    ),
    "a list": (GivesAList, PATIENT, r"threat_hunter: .*NumPy array, got list at step 3"),
    "no mapping": (GivesNothing, PATIENT, r"\{agent: array\}, got NoneType at step 3"),
    "code": (ShipsCode, PATIENT, r"threat_hunter: .*integers or floats, got object at step 3"),
    "no answer": (SpeaksForItself, PATIENT, r"no valid answer: a header must have at most .* at step 3"),
    "nested JSON": (NestsWithoutEnd, PATIENT, r"no valid answer: .*recursion.* at step 3"),
    "an object dtype": (NamesAnObjectDtype, PATIENT, r"no valid answer: a dtype must be .* at step 3"),
}


def named(policy: type) -> str:
    return f"{__name__}:{policy.__qualname__}"


def row_of(policy: type, limits: Limits | None) -> Row:
    (entrant,) = find_entrants(named(policy), "soc_v0", (), Path(), limits)
    return held_out_row(entrant, SPEC, evaluation_seeds(1), NUM_LANES)


def ended(process: psutil.Process) -> bool:
    """Whether it runs no more, though nobody may have asked yet how it ended."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


class TestHostilePolicies:
    @pytest.mark.parametrize("kind", HOSTILE)
    def test_fail_their_own_row_with_a_clear_message(self, kind: str) -> None:
        policy, limits, message = HOSTILE[kind]
        row = row_of(policy, limits)
        assert row.values is None
        assert row.error is not None
        assert re.search(message, row.error), row.error
        assert row.error.isprintable()

    def test_do_not_stop_the_others(self, tmp_path: Path) -> None:
        teams = (named(ExitsAtOnce), "rule-soar", named(Raises))
        assert run("evaluate", *teams, "--seeds", "1", *FEW, "--output", str(tmp_path)) == 1
        rows = json.loads((tmp_path / "results.json").read_text())["held_out"]
        errors = {row["label"]: row["error"] for row in rows}
        assert "exited with status 7" in errors.pop("ExitsAtOnce")
        assert "oops" in errors.pop("Raises")
        assert errors == {"Rule-SOAR": None, "Tuned-SOAR": None, "Zero+enrich": None}

    def test_do_not_find_the_environment(self) -> None:
        assert row_of(LooksForTheEnvironment, PATIENT).error is None
        # In the evaluator's own process they do.
        assert "found ['Engine', 'TeamVectorEnv']" in str(row_of(LooksForTheEnvironment, None).error)

    def test_are_not_heard(self, capfd: pytest.CaptureFixture[str]) -> None:
        assert run("evaluate", named(Prints), "--seeds", "1", *FEW) == 0
        assert "noise" not in "".join(capfd.readouterr())
        assert run("evaluate", named(Prints), "--seeds", "1", *FEW, "--no-isolate") == 0
        assert capfd.readouterr().out.count("noise") == 2

    def test_take_the_processes_that_they_started_with_them(self) -> None:
        policy = IsolatedPolicy(named(LeavesAProcess))
        assert policy.version is not None
        sleeper = psutil.Process(int(policy.version))
        assert not ended(sleeper)
        policy.close()
        deadline = time.monotonic() + 60
        while not ended(sleeper) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ended(sleeper)

    def test_stay_stopped(self) -> None:
        policy = IsolatedPolicy(named(ExitsAtOnce))
        observations = {agent: np.zeros((1, size), np.float32) for agent, size in OBSERVATION_SIZES.items()}
        policy.reset(1)
        for _ in range(2):
            policy.act(observations, np.zeros(1, bool))
        with pytest.raises(ChildProcessError, match="exited with status 7"):
            policy.act(observations, np.zeros(1, bool))
        with pytest.raises(ChildProcessError, match="has ended before"):
            policy.act(observations, np.zeros(1, bool))


class TestIsolation:
    def test_changes_no_figure(self) -> None:
        alone = play_held_out(scripted.Random(), SPEC, SEED, num_episodes=NUM_LANES, policy_seed=5)
        apart: Any = IsolatedPolicy(named(Dice))
        assert np.array_equal(play_held_out(apart, SPEC, SEED, num_episodes=NUM_LANES, policy_seed=5), alone)
        assert not np.array_equal(play_held_out(apart, SPEC, SEED, num_episodes=NUM_LANES), alone)

    def test_is_for_the_code_of_third_parties(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "own.json").write_text('{"class": "baselines.scripted:RuleSOAR", "config": {}}')
        (tmp_path / "theirs.json").write_text(json.dumps({"class": named(Dice), "config": {}}))
        monkeypatch.setattr(entrants, "registered_policies", lambda: {"their-name": lambda: Dice})
        monkeypatch.setattr(entrants, "IsolatedPolicy", lambda name, limits: f"{name} apart")

        def loaded(name: str) -> Any:
            return find_entrants(name, "soc_v0", (), Path())[0].load(None)

        assert isinstance(loaded("rule-soar"), scripted.RuleSOAR)
        assert isinstance(loaded("baselines.scripted:RuleSOAR"), scripted.RuleSOAR)
        assert isinstance(loaded(str(tmp_path / "own.json")), scripted.RuleSOAR)
        for name in (named(Dice), "their-name", str(tmp_path / "theirs.json")):
            assert loaded(name) == f"{name} apart"

    def test_ends_the_process_when_the_policy_is_no_longer_referred_to(self) -> None:
        policy = IsolatedPolicy("baselines.scripted:RuleSOAR")
        assert policy.env_id == "soc_v0"
        (process,) = (
            child for child in psutil.Process().children() if "evaluation.isolation" in str(child.cmdline())
        )
        assert process.is_running()
        del policy
        gc.collect()
        assert not process.is_running()

    @pytest.mark.parametrize("limit", ["act_seconds", "load_seconds", "memory_gib"])
    def test_refuses_limits_that_are_not_above_zero(self, limit: str) -> None:
        with pytest.raises(ValueError, match=f"{limit} must be greater than 0, got 0"):
            Limits(**{limit: 0.0})
