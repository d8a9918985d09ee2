"""The leaderboard: honest entries pass wherever they are checked, and whatever is changed is named."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

pytest.importorskip("jsonschema")

from baselines import scripted
from evaluation.entrants import Entrant, find_entrants
from evaluation.environments import EnvSpec
from evaluation.leaderboard import policy_check
from evaluation.leaderboard.actions import PlayedActions, as_played, by_agent, pack, unpack
from evaluation.leaderboard.build import build, probability_of_improvement, to_markdown
from evaluation.leaderboard.entry import (
    EntryError,
    check_schema,
    digests,
    environment_section,
    read_entry,
    write_entry,
)
from evaluation.leaderboard.submit import submit
from evaluation.leaderboard.verify import Verified, verify
from evaluation.metrics import NAMES
from evaluation.protocol import play_held_out
from evaluation.seeds import evaluation_seeds
from soc_env.team import CONTROL_SIZE, COORDINATOR, HUNTER, TRIAGE, Actions
from tests.teams import SEED, SPEC, Recorder, fixed
from tests.test_cli import FEW, run

SEEDS = evaluation_seeds(2)
NUM_EPISODES = 5

Document = dict[str, Any]


class Linear(scripted.TunedSOAR):
    """A third party's: what it does depends on all that it sees, by sums of many products."""

    version = "2.1"

    def act(self, observations: Any, episode_starts: Any = None) -> Actions:
        joint = np.concatenate(list(observations.values()), axis=1)
        weights = np.random.default_rng(1).normal(size=(joint.shape[1], CONTROL_SIZE)).astype(np.float32)
        return by_agent(np.tanh(joint @ weights), np.full(len(joint), 3))


class Boastful(scripted.TunedSOAR):
    """Says odd things of itself."""

    version = "<b>the best</b>"


class Broken(scripted.TunedSOAR):
    """Its actions are none."""

    def act(self, observations: Any, episode_starts: Any = None) -> Actions:
        return {**super().act(observations), HUNTER: np.full((len(observations[HUNTER]), 16), np.nan)}


def submitted(name: str, folder: Path, *, spec: EnvSpec = SPEC, episodes: int = NUM_EPISODES) -> Path:
    """The entry of a team that has played a few episodes."""
    entrant = find_entrants(name, spec.env_id, (), Path())[0]
    path = submit(entrant, spec, SEEDS, episodes, folder, Path(name).name.rpartition(":")[2]).path
    assert path is not None
    return path


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two entries of registered teams and one of a class."""
    folder = tmp_path_factory.mktemp("entries")
    for name in ("tuned-soar", "random", f"{__name__}:Linear"):
        submitted(name, folder)
    return folder


def tampered(path: Path, change: Callable[[Document], None], folder: Path, *, forge: bool = True) -> Path:
    """A copy of an entry that somebody has changed, its digests too if they `forge` them."""
    document = json.loads(path.read_text("utf-8"))
    shutil.copy(path.with_suffix(".npz"), folder)
    change(document)
    if forge:
        document["digests"] = digests(document)
    copy = folder / path.name
    copy.write_text(json.dumps(document), "utf-8")
    return copy


def with_actions(path: Path, change: Callable[[PlayedActions], PlayedActions], folder: Path) -> Path:
    """A copy of an entry with other actions under its first evaluation seed, their hash forged."""
    content = path.with_suffix(".npz").read_bytes()
    actions = {seed: unpack(content, seed) for seed in SEEDS}
    actions[SEEDS[0]] = change(actions[SEEDS[0]])
    forged = pack(actions)

    def forge(document: Document) -> None:
        document["actions"]["sha256"] = hashlib.sha256(forged).hexdigest()

    copy = tampered(path, forge, folder)
    copy.with_suffix(".npz").write_bytes(forged)
    return copy


def with_control(agent_and_entry: int, step: int, value: float) -> Callable[[PlayedActions], PlayedActions]:
    def change(played: PlayedActions) -> PlayedActions:
        controls = played.controls.copy()
        controls[agent_and_entry, step] = value
        return replace(played, controls=controls)

    return change


def check(path: Path, policy: Entrant | None = None) -> Verified:
    return verify(read_entry(path), policy)


class TestHonestEntries:
    @pytest.mark.parametrize("name", ["tuned-soar", "random"])
    def test_of_registered_teams_pass_with_their_policies(self, entries: Path, name: str) -> None:
        found = check(entries / f"{name}.json")
        assert found == Verified(2 * NUM_EPISODES, "its policy acts as stored")

    def test_of_classes_pass_and_run_only_what_the_verifier_names(self, entries: Path) -> None:
        path = entries / "linear.json"
        assert (
            check(path).policy
            == f"its policy was not compared: {__name__}:Linear is no registered team, and no other was given"
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
        policy = ("--policy", f"{__name__}:Linear") if name == "linear" else ()
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


def set_item(*keys: Any, to: Any) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        for key in keys[:-1]:
            document = document[key]
        assert document[keys[-1]] != to
        document[keys[-1]] = to

    return change


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
        actions = policy.act({COORDINATOR: np.zeros((3, 64), np.float32)})
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
        assert sorted(schema["required"]) == sorted(schema["properties"]) == sorted(document)
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


@pytest.fixture(scope="module")
def document(entries: Path, tmp_path_factory: pytest.TempPathFactory) -> Document:
    """Of the honest entries, one on another environment, and two that are none."""
    folder = tmp_path_factory.mktemp("mixed")
    shutil.copytree(entries, folder, dirs_exist_ok=True)
    submitted("rule-soar", folder, spec=EnvSpec("soc_v0", {"hosts_per_segment": 4, "max_steps": 30}))
    for name, change in (("forged", set_item("aggregates", "reward", "mean", to=1e6)), ("old", None)):
        bad = json.loads((entries / "random.json").read_text("utf-8"))
        if change is not None:
            change(bad)
            bad["digests"] = digests(bad)
        else:
            bad["protocol_version"] = "0.1"
        (folder / f"{name}.json").write_text(json.dumps(bad))
    return build(folder)


class TestBuild:
    def test_ranks_by_mean_reward_among_those_of_one_environment(self, document: Document) -> None:
        small, board = document["boards"]
        assert [entry["file"] for entry in small["entries"]] == ["rule-soar.json"]
        files = [entry["file"] for entry in board["entries"]]
        assert sorted(files) == ["linear.json", "random.json", "tuned-soar.json"]
        assert [entry["rank"] for entry in board["entries"]] == [1, 2, 3]
        rewards = [entry["aggregates"]["reward"]["mean"] for entry in board["entries"]]
        assert rewards == sorted(rewards, reverse=True)
        assert files[0] == "tuned-soar.json"

    def test_takes_differences_to_tuned_soar_episode_by_episode(
        self, document: Document, entries: Path
    ) -> None:
        (alone,), board = (each["entries"] for each in document["boards"])
        by_file = {entry["file"]: entry for entry in board}
        assert by_file["tuned-soar.json"]["versus_reference"] is None
        assert alone["versus_reference"] is None
        versus = by_file["random.json"]["versus_reference"]
        assert versus["file"] == "tuned-soar.json"
        own, other = (read_entry(entries / name).values for name in ("random.json", "tuned-soar.json"))
        for index, name in enumerate(NAMES):
            difference = (own - other)[:, :, index].mean()
            assert versus["differences"][name]["mean"] == pytest.approx(difference)
        low, high = versus["differences"]["reward"]["mean_interval"]
        assert low < versus["differences"]["reward"]["mean"] < high < 0
        assert versus["probability_of_improvement"] == {"value": 0.0, "interval": [0.0, 0.0]}

    def test_takes_no_differences_where_seeds_do_not_agree(self, entries: Path, tmp_path: Path) -> None:
        shutil.copy(entries / "tuned-soar.json", tmp_path)
        team = find_entrants("random", "soc_v0", (), Path())[0]
        submit(team, SPEC, evaluation_seeds(2, SEED + 1), NUM_EPISODES, tmp_path, "Elsewhere")
        (board,) = build(tmp_path)["boards"]
        assert [entry["versus_reference"] for entry in board["entries"]] == [None, None]

    def test_names_what_it_refuses(self, document: Document) -> None:
        reasons = {refused["file"]: refused["reason"] for refused in document["refused"]}
        assert list(reasons) == ["forged.json", "old.json"]
        assert "aggregates.reward.mean must be that of the episodes" in reasons["forged.json"]
        assert "protocol_version must be" in reasons["old.json"]

    def test_makes_a_table_of_it(self, document: Document) -> None:
        text = to_markdown(document)
        assert "## soc_v0 with hosts_per_segment=8, max_steps=60: mean over seeds" in text
        assert "| 1 | tuned-soar<br>version 1 |" in text
        assert "random<br>less tuned-soar" in text
        assert "- old.json: protocol_version must be" in text

    @pytest.mark.parametrize(
        ("own", "other", "expected"),
        [
            ([3.0, 4.0], [1.0, 2.0], 1.0),
            ([1.0], [1.0], 0.5),
            ([1.0, 3.0], [2.0, 0.0], 0.75),
            ([0.0], [1.0], 0.0),
        ],
    )
    def test_probability_of_improvement(self, own: list[float], other: list[float], expected: float) -> None:
        found = probability_of_improvement(np.array(own), np.array(other))
        assert found["value"] == expected
        low, high = found["interval"]
        assert low <= expected <= high
        if expected == 0.75:
            assert (low, high) == (0.0, 1.0)


class TestCommand:
    def test_submits_verifies_and_builds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        mine = f"{__name__}:Linear"
        assert run("leaderboard", "submit", mine, "tuned-soar", "--seeds", "1", *FEW) == 0
        files = sorted(path.name for path in Path("leaderboard/entries").iterdir())
        assert files == ["linear.json", "linear.npz", "tuned-soar.json", "tuned-soar.npz"]
        paths = ("leaderboard/entries/linear.json", "leaderboard/entries/tuned-soar.json")
        assert run("leaderboard", "verify", *paths) == 0
        assert run("leaderboard", "verify", paths[0], "--policy", mine) == 0
        printed = capsys.readouterr().out
        assert f"{paths[1]}: verified: 6 episodes replayed exactly; its policy acts as stored" in printed
        assert f"{paths[0]}: verified: 6 episodes replayed exactly; its policy acts as stored" in printed
        assert run("leaderboard", "build", "leaderboard/entries") == 0
        assert json.loads(Path("leaderboard/leaderboard.json").read_text())["refused"] == []
        assert "Tuned-SOAR" in Path("leaderboard/leaderboard.md").read_text()

    def test_a_team_that_fails_has_no_entry_and_does_not_stop_the_others(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        teams = (*(f"{__name__}:{name}" for name in ("Broken", "Boastful", "NoSuchTeam")), "tuned-soar")
        assert run("leaderboard", "submit", *teams, "--seeds", "1", *FEW, "--output", str(tmp_path)) == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == ["tuned-soar.json", "tuned-soar.npz"]
        printed = " ".join(capsys.readouterr().out.split())
        assert "threat_hunter: the action must be finite" in printed
        assert "Boastful: policy.version: '<b>the best</b>' " in printed
        assert "has no 'NoSuchTeam'" in printed

    def test_no_process_of_a_team_outlives_its_submission(self, tmp_path: Path) -> None:
        (team,) = find_entrants(f"{__name__}:Linear", "soc_v0", (), Path())
        submission = submit(team, SPEC, SEEDS, 2, tmp_path, "Linear")
        assert submission.path is not None
        children = psutil.Process().children()
        assert not [child for child in children if "evaluation.isolation" in str(child.cmdline())]

    def test_an_entry_that_fails_does_not_stop_the_others(
        self, entries: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bad = tampered(entries / "random.json", set_item("episodes", "reward", 0, 0, to=1.5), tmp_path)
        assert run("leaderboard", "verify", str(bad), str(entries / "tuned-soar.json")) == 1
        printed = capsys.readouterr().out
        assert f"{bad}: rejected: evaluation seed 1000000000, episode 0: reward is 1.5" in printed
        assert f"{entries / 'tuned-soar.json'}: verified" in printed
        shutil.copy(entries / "tuned-soar.json", tmp_path)
        assert run("leaderboard", "build", str(tmp_path), "--output", str(tmp_path / "out")) == 1
        assert "random.json: refused: aggregates.reward.mean" in capsys.readouterr().out
        document = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
        assert [entry["file"] for entry in document["boards"][0]["entries"]] == ["tuned-soar.json"]

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (("submit",), "at least one team"),
            (("submit", "rule-sour"), "rule-soar, tuned-soar"),
            (("submit", "rule-soar", "random", "--name", "Mine"), "--name must be left out with 2 teams"),
            (("submit", "rule-soar", "baselines.scripted:RuleSOAR", "rule-soar"), "different names"),
            (("submit", "rule-soar", "--name", "<b>", *FEW), "policy.name: '<b>' does not match"),
            (("verify", "x.json", "--memory-gib", "-1"), "memory_gib must be greater than 0"),
            (("submit", "rule-soar", "--act-seconds", "0"), "act_seconds must be greater than 0"),
            (("verify",), "at least one entry"),
            (("build", "."), "must hold .json files"),
            (("build", "leaderboard", "--output", "leaderboard"), "--output must be another folder"),
        ],
    )
    def test_refuses_what_makes_no_sense(
        self,
        args: tuple[str, ...],
        message: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert run("leaderboard", *args) != 0
        assert message in capsys.readouterr().err
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("step", ["submit", "verify", "build"])
    def test_explains_each_step(self, step: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("leaderboard", step, "--help") == 0
        assert "For example:" in capsys.readouterr().out
