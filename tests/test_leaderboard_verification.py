"""The leaderboard's entries: honest ones pass wherever they are checked, and whatever is changed is named."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jsonschema")

from baselines import scripted
from evaluation.entrants import Entrant, find_entrants
from evaluation.environments import EnvSpec
from evaluation.leaderboard import policy_check
from evaluation.leaderboard.actions import PlayedActions, as_played, by_agent, pack, unpack
from evaluation.leaderboard.entry import (
    EntryError,
    check_schema,
    environment_section,
    read_entry,
    write_entry,
)
from evaluation.leaderboard.submit import submit
from evaluation.leaderboard.verify import Verified
from evaluation.protocol import play_held_out
from soc_env.team import (
    CONTROL_SIZE,
    COORDINATOR,
    JOINT_OBSERVATION_SIZE,
    TRIAGE,
    Actions,
    split_observations,
)
from tests.leaderboard_entries import (
    MODULE,
    NUM_EPISODES,
    SEEDS,
    Broken,
    Document,
    Linear,
    check,
    honest,
    set_item,
    submitted,
    tampered,
    with_actions,
    with_control,
)
from tests.soc_v0_metrics import NAMES
from tests.teams import SEED, SPEC, Recorder, fixed


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return honest(tmp_path_factory.mktemp("entries"))


class TestHonestEntries:
    @pytest.mark.parametrize("name", ["tuned-soar", "random"])
    def test_of_registered_teams_pass_with_their_policies(self, entries: Path, name: str) -> None:
        found = check(entries / f"{name}.json")
        assert found == Verified(2 * NUM_EPISODES, "its policy acts as stored")

    def test_of_classes_pass_and_run_only_what_the_verifier_names(self, entries: Path) -> None:
        path = entries / "linear.json"
        assert (
            check(path).policy
            == f"its policy was not compared: {MODULE}:Linear is no registered team, and no other was given"
        )
        assert check(path, fixed(Linear())).policy == "its policy acts as stored"

    def test_hold_the_figures_of_the_held_out_protocol(self, entries: Path) -> None:
        entry = read_entry(entries / "random.json")
        for index, seed in enumerate(SEEDS):
            played = play_held_out(
                scripted.Random(), SPEC, seed, num_episodes=NUM_EPISODES, policy_seed=index
            )
            assert np.array_equal(entry.values[index], played)
        assert entry.document["policy"]["version"] == scripted.Random.version
        assert 0.0 < entry.document["policy_share"] < 1.0

    @pytest.mark.parametrize("name", ["tuned-soar", "linear"])
    def test_pass_without_compilation_and_with_another_number_of_threads(
        self, entries: Path, name: str
    ) -> None:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")
        policy = ("--policy", f"{MODULE}:Linear") if name == "linear" else ()
        command = [
            sys.executable,
            "-m",
            "evaluation.cli",
            "leaderboard",
            "verify",
            str(entries / f"{name}.json"),
        ]
        done = subprocess.run(
            [*command, *policy],
            env={**os.environ, **threads, "NUMBA_DISABLE_JIT": "1"},
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "verified: 10 episodes replayed exactly; its policy acts as stored" in done.stdout

    def test_are_the_same_bytes_again_but_for_when_and_how_long(self, entries: Path, tmp_path: Path) -> None:
        again = submitted("random", tmp_path)
        assert again.with_suffix(".npz").read_bytes() == (entries / "random.npz").read_bytes()
        one, other = (json.loads(path.read_text("utf-8")) for path in (again, entries / "random.json"))
        changing = {"created", "wall_clock_seconds", "policy_share", "digests"}
        assert {part for part in one if one[part] != other[part]} <= changing


ZEROS = "0" * 64
TAMPERED: dict[str, tuple[Callable[[Document], None], str]] = {
    "a reward": (
        set_item("episodes", "reward", 1, 3, to=99.5),
        r"evaluation seed 1000000001, episode 3: reward is 99\.5 in the entry, \S+ in the replay",
    ),
    "a rate": (
        set_item("episodes", "fpr_percent", 0, 2, to=12.5),
        r"evaluation seed 1000000000, episode 2: fpr_percent is 12\.5 in the entry, \S+ in the replay",
    ),
    "a length": (
        set_item("episodes", "length", 0, 1, to=59),
        r"evaluation seed 1000000000, episode 1: length is 59 in the entry, its actions are for \d+ steps",
    ),
    "an evaluation seed": (
        set_item("seeds", "evaluation", 1, to=SEED + 7),
        r"seeds\.evaluation must be consecutive, \[1000000000, 1000000001\], got \[1000000000, 1000000007\]",
    ),
    "all evaluation seeds": (
        set_item("seeds", "evaluation", to=[SEED + 7, SEED + 8]),
        r"actions of evaluation seed 1000000007 cannot be read",
    ),
    "evaluation on a training seed": (
        set_item("seeds", "evaluation", to=[42, 43]),
        r"seeds\.evaluation\[\d\]: 4\d is less than the minimum",
    ),
    "training seeds": (
        set_item("seeds", "training", to=[1, 2]),
        r"seeds\.training must be those of policy\.origin",
    ),
    "the actions' hash": (
        set_item("actions", "sha256", to=ZEROS),
        rf"actions\.sha256 must be .*, got {ZEROS}",
    ),
    "the environment's hash": (
        set_item("environment", "sha256", to=ZEROS),
        rf"environment\.sha256 must be \S+ for its id and config, got {ZEROS}",
    ),
    "the environment": (
        set_item("environment", "config", "max_steps", to=61),
        r"environment\.sha256 must be \S+ for its id and config",
    ),
    "a setting that there is not": (
        set_item("environment", "config", to={"no_such": 1}),
        r"environment: .*no_such",
    ),
    "the protocol's version": (
        set_item("protocol_version", to="0.9"),
        r"protocol_version must be '1\.0', .* got '0\.9'",
    ),
    "the format's version": (set_item("format_version", to=2), r"format_version: 1 was expected"),
    "the policy's version": (
        set_item("policy", "version", to="7"),
        r"policy\.version is '7', that of the policy at hand '1'",
    ),
    "a mean": (
        set_item("aggregates", "reward", "mean", to=99.5),
        r"aggregates\.reward\.mean must be that of the episodes, \S+, got 99\.5",
    ),
    "an interval": (
        set_item("aggregates", "mttd", "iqm_interval", to=[0.0, 1.0]),
        r"aggregates\.mttd\.iqm_interval must be that of the episodes",
    ),
    "the bootstrap": (set_item("bootstrap", "resamples", to=10), r"bootstrap must be .*2000.*, got .*10"),
    "a file outside the folder": (
        set_item("actions", "file", to="../tuned-soar.npz"),
        r"actions\.file: '\.\./tuned-soar\.npz' does not match",
    ),
    "a metric": (
        lambda document: document["episodes"].pop("mttr"),
        r"episodes must have the metrics reward, mttd, mttr",
    ),
    "an episode less": (
        lambda document: document["episodes"]["mttr"][1].pop(),
        r"episodes\.mttr must have 5 episodes for each of 2 evaluation seeds, got \[5, 4\]",
    ),
    "a figure that is none": (
        set_item("episodes", "mttr", 0, 0, to="fast"),
        r"episodes\.mttr\[0\]\[0\]: 'fast' is not of type 'number'",
    ),
    "an infinite figure": (set_item("episodes", "mttr", 0, 0, to=10**400), r"episodes\.mttr must be finite"),
    "something more": (lambda document: document.update(extra=1), r"Additional properties .*'extra'"),
    "something less": (lambda document: document.pop("machine"), r"'machine' is a required property"),
    "markup": (set_item("policy", "name", to="<script>"), r"policy\.name: '<script>' does not match"),
}


class TestTamperedEntries:
    @pytest.mark.parametrize("what", TAMPERED)
    def test_are_rejected_by_a_message_that_names_what_differs(
        self, what: str, entries: Path, tmp_path: Path
    ) -> None:
        change, message = TAMPERED[what]
        with pytest.raises(EntryError, match=message):
            check(tampered(entries / "tuned-soar.json", change, tmp_path))

    @pytest.mark.parametrize("part", ["versions", "machine", "git_revision", "created", "policy_share"])
    def test_are_rejected_where_only_a_digest_can_tell(
        self, part: str, entries: Path, tmp_path: Path
    ) -> None:
        def change(document: Document) -> None:
            document[part] = {"versions": {"numpy": "1.0"}, "policy_share": 0.123456}.get(part, "x")

        path = tampered(entries / "tuned-soar.json", change, tmp_path, forge=False)
        with pytest.raises(
            EntryError, match=rf"{part} was changed: its SHA-256 is \w+, digests\.{part} says"
        ):
            check(path)

    def test_a_changed_digest_is_named(self, entries: Path, tmp_path: Path) -> None:
        change = set_item("digests", "versions", to=ZEROS)
        path = tampered(entries / "tuned-soar.json", change, tmp_path, forge=False)
        with pytest.raises(EntryError, match=rf"versions was changed: .* digests\.versions says {ZEROS}"):
            check(path)

    def test_one_changed_action_changes_the_hash(self, entries: Path, tmp_path: Path) -> None:
        path = with_actions(entries / "tuned-soar.json", with_control(8, 0, -1.0), tmp_path)
        (tmp_path / "tuned-soar.json").write_bytes((entries / "tuned-soar.json").read_bytes())
        with pytest.raises(EntryError, match=r"actions\.sha256 must be that of tuned-soar\.npz"):
            check(path)

    def test_one_changed_action_shows_in_the_replay(self, entries: Path, tmp_path: Path) -> None:
        lengths = unpack((entries / "tuned-soar.npz").read_bytes(), SEEDS[0]).lengths
        first_of_lane_2 = int(lengths[:2].sum())
        # The hunter in the first segment, at an intensity that costs false positives: -1 hunts nowhere.
        changed = with_actions(entries / "tuned-soar.json", with_control(8, first_of_lane_2, -1.0), tmp_path)
        with pytest.raises(
            EntryError, match=r"evaluation seed 1000000000, episode 2: \w+ is \S+ in the entry"
        ):
            check(changed)

    def test_one_changed_action_without_effect_shows_beside_the_policy(
        self, entries: Path, tmp_path: Path
    ) -> None:
        unused = 8 + 15  # the hunter's last control, which no rule reads
        path = with_actions(entries / "tuned-soar.json", with_control(unused, 3, 0.5), tmp_path)
        with pytest.raises(
            EntryError,
            match=r"evaluation seed 1000000000, episode 0, step 4: the action of threat_hunter\[15\] is 0\.5 "
            r"in the entry, 0\.0 by the policy at hand; 1 of \d+ steps differ .* at most 0",
        ):
            check(path)

    def test_invalid_actions_are_named(self, entries: Path, tmp_path: Path) -> None:
        path = with_actions(entries / "tuned-soar.json", with_control(8, 2, np.nan), tmp_path)
        with pytest.raises(
            EntryError, match=r"seed 1000000000: threat_hunter: .*got nan in entry 0 of lane 0"
        ):
            check(path)

    def test_what_is_no_file_of_actions_is_named(self, entries: Path, tmp_path: Path) -> None:
        junk = b"no archive"
        path = tampered(
            entries / "tuned-soar.json",
            set_item("actions", "sha256", to=hashlib.sha256(junk).hexdigest()),
            tmp_path,
        )
        path.with_suffix(".npz").write_bytes(junk)
        with pytest.raises(EntryError, match="actions of evaluation seed 1000000000 cannot be read"):
            check(path)
        path.with_suffix(".npz").unlink()
        with pytest.raises(EntryError, match=r"actions\.file cannot be read: .*tuned-soar\.npz"):
            check(path)

    @pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"machine": NaN}', "[]", "\x00"])
    def test_what_is_no_entry_is_refused(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "odd.json").write_text(text)
        with pytest.raises(EntryError):
            read_entry(tmp_path / "odd.json")


class TestWeights:
    def entry_of_file(self, folder: Path) -> tuple[Path, Path]:
        weights = folder / "team.json"
        weights.write_text('{"class": "baselines.scripted:RuleSOAR", "config": {}}')
        return weights, submitted(str(weights), folder / "entries")

    def test_the_file_of_a_policy_is_in_its_entry(self, tmp_path: Path) -> None:
        weights, path = self.entry_of_file(tmp_path)
        origin = json.loads(path.read_text())["policy"]["origin"]
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        assert origin["kind"] == "weights"
        assert origin["weights"] == [{"training_seed": None, "file": "team.json", "sha256": digest}]
        (at_hand,) = find_entrants(str(weights), "soc_v0", (), Path())
        assert check(path, at_hand).policy == "its policy acts as stored"

    def test_another_file_is_not_the_policy(self, tmp_path: Path) -> None:
        weights, path = self.entry_of_file(tmp_path)
        weights.write_text('{"class":  "baselines.scripted:RuleSOAR", "config": {}}')
        (at_hand,) = find_entrants(str(weights), "soc_v0", (), Path())
        with pytest.raises(EntryError, match=r"weights\[0\]\.sha256 is \w+, that of the policy at hand \w+"):
            check(path, at_hand)

    def test_training_seeds_are_those_of_the_files(self, tmp_path: Path) -> None:
        files = {}
        for seed in (42, 123):
            files[seed] = tmp_path / f"{seed}.json"
            files[seed].write_text(f"weights of seed {seed}")
        team = Entrant(
            "mine",
            "trained",
            lambda _: scripted.RuleSOAR(),
            (42, 123),
            weights=lambda seed: files[int(seed or 0)],
        )
        path = submit(team, SPEC, SEEDS, 2, tmp_path / "entries", "Mine").path
        assert path is not None
        assert check(path, team).policy == "its policy acts as stored"
        forged = tampered(path, set_item("seeds", "training", 1, to=124), tmp_path)
        with pytest.raises(EntryError, match=r"seeds\.training must be .*\[42, 123\], got \[42, 124\]"):
            check(forged)
        with pytest.raises(EntryError, match=r"seeds\.training is \[42, 123\], .* at hand are \[\]"):
            check(path, fixed(scripted.RuleSOAR()))


class TestComparedPolicies:
    def changing(self, change: Callable[[Actions], Actions]) -> Entrant:
        team = Recorder(change)
        team.version = scripted.TunedSOAR.version  # type: ignore[attr-defined]
        return fixed(team)

    @pytest.mark.parametrize(("offset", "passes"), [(5e-5, True), (2e-4, False)])
    def test_may_differ_by_rounding_alone(self, entries: Path, offset: float, passes: bool) -> None:
        def change(actions: Actions) -> Actions:
            return {**actions, COORDINATOR: actions[COORDINATOR] + np.float32(offset)}

        path = entries / "tuned-soar.json"
        if passes:
            assert check(path, self.changing(change)).policy == "its policy acts as stored"
        else:
            with pytest.raises(
                EntryError, match=r"strategic_coordinator\[0\] is -1\.0 in the entry, -0\.999"
            ):
                check(path, self.changing(change))

    def test_may_differ_in_near_ties(self, entries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def once() -> Entrant:
            calls = iter(range(1000))

            def change(actions: Actions) -> Actions:
                verdicts = actions[TRIAGE].copy()
                verdicts[2] = 0 if next(calls) == 1 else verdicts[2]
                return {**actions, TRIAGE: verdicts}

            return self.changing(change)

        path = entries / "tuned-soar.json"
        with pytest.raises(
            EntryError,
            match=r"episode 2, step 2: the action of alert_triage is 3 in the entry, 0 by .* at most 0",
        ):
            check(path, once())
        monkeypatch.setattr(policy_check, "NEAR_TIES", 0.02)
        assert ", but for 1 near-ties in " in check(path, once()).policy

    def test_that_fail_are_named(self, entries: Path) -> None:
        path = entries / "tuned-soar.json"
        with pytest.raises(EntryError, match="threat_hunter: the action must be finite"):
            check(path, fixed(Broken()))

        def gone(_: int | None) -> Any:
            raise FileNotFoundError("no weights")

        with pytest.raises(EntryError, match="the policy at hand could not be loaded: no weights"):
            check(path, Entrant("gone", "fixed", gone))


class TestActions:
    def test_are_stored_bit_for_bit(self) -> None:
        rng = np.random.default_rng(0)
        lengths = np.array([3, 1, 4], np.int32)
        controls = rng.integers(0, 2**32, (CONTROL_SIZE, 8), np.uint32).view(np.float32)
        controls[0, :3] = (-0.0, np.float32(1e-45), 1.0 + 1e-7)
        played = PlayedActions(lengths, controls, rng.integers(0, 4, 8).astype(np.uint8))
        again = unpack(pack({SEED: played}), SEED)
        for name, array in vars(played).items():
            assert getattr(again, name).tobytes() == array.tobytes()
        assert pack({SEED: again}) == pack({SEED: played})

    def test_are_those_of_each_lane_s_own_episode(self) -> None:
        steps = np.arange(6, dtype=np.float32)
        played = PlayedActions(
            np.array([2, 1, 3], np.int32),
            np.tile(steps, (CONTROL_SIZE, 1)),
            np.array([0, 1, 2, 3, 0, 1], np.uint8),
        )
        live, controls, verdicts = played.at(1)
        assert live.tolist() == [True, False, True]
        assert controls[:, 0].tolist() == [1.0, 0.0, 4.0]
        assert verdicts.tolist() == [1, 0, 0]

    def test_go_to_the_joint_layout_and_back(self) -> None:
        policy = scripted.Random()
        policy.reset(3, seed=1)
        actions = policy.act(split_observations(np.zeros((3, JOINT_OBSERVATION_SIZE), np.float32)))
        back = by_agent(*as_played(actions))
        assert back.keys() == actions.keys()
        assert all(np.array_equal(back[agent], actions[agent]) for agent in actions)

    @pytest.mark.parametrize(
        ("lengths", "shape", "message"),
        [
            ([2, 0], (36, 2), "lengths must be at least 1, got 0"),
            ([2, 1], (36, 2), "controls must be float32"),
        ],
    )
    def test_must_go_together(self, lengths: list[int], shape: tuple[int, int], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            PlayedActions(np.array(lengths, np.int32), np.zeros(shape, np.float32), np.zeros(2, np.uint8))


class TestSchema:
    def test_is_a_valid_schema_and_lists_the_parts_of_an_entry(self, entries: Path) -> None:
        import jsonschema

        import evaluation.leaderboard

        folder = Path(evaluation.leaderboard.__file__).parent
        schema = json.loads((folder / "entry.schema.json").read_text("utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        document = json.loads((entries / "tuned-soar.json").read_text("utf-8"))
        assert sorted(schema["properties"]) == sorted(document)
        assert sorted({*schema["required"], "metrics"}) == sorted(document)  # older entries have no metrics
        assert list(document["episodes"]) == list(NAMES)
        check_schema(document)

    def test_refuses_to_write_what_it_would_refuse_to_read(self, entries: Path, tmp_path: Path) -> None:
        document = json.loads((entries / "tuned-soar.json").read_text("utf-8"))
        document["policy"]["name"] = "a|b"
        with pytest.raises(EntryError, match=r"policy\.name: 'a\|b' does not match"):
            write_entry(tmp_path / "entry.json", document, b"")
        assert not list(tmp_path.iterdir())

    def test_the_hash_is_of_all_settings_the_defaults_included(self) -> None:
        said = environment_section(EnvSpec("soc_v0", {"max_steps": 200}))
        assert said["sha256"] == environment_section(EnvSpec("soc_v0"))["sha256"]
        assert said["sha256"] != environment_section(EnvSpec("soc_v0", {"max_steps": 201}))["sha256"]
