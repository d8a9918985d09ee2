"""The paper's figures, drawn from runs and results that the library's own writers made."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("matplotlib")
pytest.importorskip("torch")

from matplotlib.container import BarContainer, ErrorbarContainer

from agent_zoo.files import write_json_atomically
from agent_zoo.learning.run_directory import RunDirectory
from evaluation import cli, paper
from evaluation.comparison import Row, held_out_row
from evaluation.entrants import Entrant, find_entrants
from evaluation.environments import EnvSpec
from evaluation.figures.catalogue import FIGURES
from evaluation.figures.radar import HOLE
from evaluation.figures.sources import MissingDataError, Sources, ablation_of, interval_of, mean_and_interval
from evaluation.figures.style import ABLATIONS, LEARNERS, SCRIPTED, TEAMS, on_scale
from evaluation.leaderboard.submit import submit
from evaluation.report import Results
from evaluation.seeds import evaluation_seeds
from evaluation.sweep.plan import Variant, parse_axis
from tests.refusals import refused
from tests.soc_v0_metrics import HEADLINES, METRICS, NAMES, column

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Config:
    """Of a run that never was."""

    note: str = "made up"


def never_loaded(_: int | None) -> None:
    raise AssertionError("a figure has no need of the policy")


def write_run(run_dir: Path, seed: int, rewards: Sequence[float] | Floats, *, complete: bool = True) -> None:
    """A training run whose episodes had these rewards."""
    with RunDirectory(
        run_dir, Config(), learner=run_dir.parent.name.partition("@")[0], seed=seed,
        metrics=METRICS, num_episodes=len(rewards), checkpoint_seconds=1e9, resume=False,
    ) as run:  # fmt: skip
        metrics = {metric.source: np.ones(len(rewards)) for metric in METRICS}
        metrics["episode_return"] = np.asarray(rewards)
        ended = np.ones(len(rewards), bool)
        run.episodes.record({"final_info": {"episode_metrics": metrics, "_episode_metrics": ended}}, step=1)
        if complete:
            run.finish(step=1)


def write_results(folder: Path, teams: Mapping[str, Mapping[str, Floats] | None]) -> None:
    """What `soc-env evaluate` writes of these teams: {metric: the means of every seed}, None if it failed."""
    rows = []
    for name, by_metric in teams.items():
        values = None
        if by_metric is not None:
            values = np.ones((len(by_metric["reward"]), 1, len(NAMES)))
            for metric, means in by_metric.items():
                values[:, 0, column(metric)] = means
        seeds = paper.SEEDS[: 5 if values is None else len(values)]
        entrant = Entrant(name, "fixed", never_loaded)  # type: ignore[arg-type]
        rows.append(
            Row(entrant, EnvSpec("soc_v0"), seeds, values, None if by_metric else "broken", seconds=1.0)
        )
    results = Results(2_000, [], rows, 1.0, "2030-01-01T00:00:00+00:00")
    write_json_atomically(folder / "results.json", results.to_json())


def write_entries(folder: Path, *teams: str) -> None:
    """Entries of registered teams, of two seeds."""
    for name in teams:
        (entrant,) = find_entrants(name, "soc_v0", (), Path("runs"))
        submit(entrant, EnvSpec("soc_v0"), evaluation_seeds(2), 20, folder, name)


SEEDS = paper.SEEDS[:3]
EPISODES = 200
FOLDERS = {"hmarl-soc": "hmarl-soc@10k"} | {name: name for name in (*LEARNERS[1:], *SCRIPTED)}
VARIANTS = {
    "Full HMARL-SOC": "hmarl-soc@10k,coordinator.learns=true",
    "w/o SC": "hmarl-soc@10k,coordinator.learns=false",
    "w/o Shared Buffer": "hmarl-soc@10k,replay.shared=false",
    "Flat MARL": "mappo@shared_actor=true",
}


def around(row: Mapping[str, paper.Published | float], rng: np.random.Generator) -> dict[str, Floats]:
    """Seeds' means by metric, a little off the paper's values; 10 where it has none."""
    means = {}
    for metric in HEADLINES:
        value = row.get(metric, 10.0)
        mean = value.mean if isinstance(value, paper.Published) else value
        means[metric] = mean * rng.normal(1.0, 0.03, len(SEEDS))
    return means


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[Any, dict[str, Floats]]]:
    """What results have: by target, then by what a figure calls a row."""
    rng = np.random.default_rng(0)
    intervals = paper.k_sensitivity()
    return {
        "table-2": {name: around(paper.find(name) or {}, rng) for name in TEAMS},
        "ablations": {name: around(paper.ablation()[name], rng) for name in ABLATIONS},
        "interval": {k: around(row, rng) for k, row in intervals.items()},
    }


@pytest.fixture(scope="module")
def curves(measured: dict[str, Any]) -> dict[str, dict[str, Floats]]:
    """Rewards (seeds, episodes) of training runs, likewise."""
    rng = np.random.default_rng(1)
    rising = np.linspace(-300.0, 0.0, EPISODES)

    def rewards(row: Mapping[str, Floats]) -> Floats:
        return row["reward"][:, None] + rising + rng.normal(0.0, 5.0, (len(SEEDS), EPISODES))

    return {
        "table-2": {name: rewards(measured["table-2"][name]) for name in LEARNERS},
        "ablations": {name: rewards(row) for name, row in measured["ablations"].items()},
    }


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, measured: Any, curves: Any) -> Sources:
    """Everything that the targets of results/Makefile make."""
    folder = tmp_path_factory.mktemp("sources")
    folders = {"table-2": FOLDERS, "ablations": VARIANTS}
    folders["interval"] = {k: f"hmarl-soc@10k,coordinator.interval={k}" for k in measured["interval"]}
    for target, rows in measured.items():
        names = {key: folders[target][key] for key in rows}
        teams = {
            name if key in SCRIPTED else f"../runs/{target}/{name}": rows[key] for key, name in names.items()
        }
        write_results(folder / "results" / target, teams)
    for target, runs in curves.items():
        for key, rewards in runs.items():
            for seed, of_seed in zip(SEEDS, rewards, strict=True):
                write_run(folder / "runs" / target / folders[target][key] / str(seed), seed, of_seed)
    write_entries(folder / "entries", *(name for name in SCRIPTED if name != "rule-soar"))
    return Sources(folder / "results", folder / "runs", folder / "entries")


@pytest.fixture(scope="module")
def sparse(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """One row for each figure, of one seed."""
    folder, rewards = tmp_path_factory.mktemp("sparse"), np.linspace(0.0, 9.0, EPISODES)
    row = {metric: np.array([5.0]) for metric in HEADLINES}
    for target, name in (
        ("table-2", "iql"),
        ("ablations", VARIANTS["Flat MARL"]),
        ("interval", "hmarl-soc@coordinator.interval=5"),
    ):
        write_results(folder / "results" / target, {name: row})
        write_run(folder / "runs" / target / name / "42", 42, rewards)
    write_entries(folder / "entries", "zero-enrich")
    return Sources(folder / "results", folder / "runs", folder / "entries")


def run(*arguments: str) -> int:
    """The exit status of `soc-env figures`."""
    try:
        cli.main(["figures", *arguments])
    except SystemExit as error:
        return int(error.code or 0)
    return 0


def panels(figure: Any) -> list[Any]:
    return [axes for axes in figure.axes if axes.get_visible()]


def line(axes: Any, label: str) -> Any:
    (found,) = (one for one in axes.lines if one.get_label() == label)
    return found


def marks(axes: Any, label: str) -> list[tuple[float, float]]:
    """Where error bars of this label have their marks."""
    found = (
        one for one in axes.containers if isinstance(one, ErrorbarContainer) and one.get_label() == label
    )
    return [(float(x[0]), float(y[0])) for x, y in (one[0].get_data() for one in found)]


def whiskers(axes: Any, label: str) -> list[Floats]:
    """The bars of these: (bars, ends, x and y) of each."""
    found = (
        one for one in axes.containers if isinstance(one, ErrorbarContainer) and one.get_label() == label
    )
    return [np.array([part for ends in one[2] for part in ends.get_segments()]) for one in found]


def bar(axes: Any, label: str) -> Any:
    """The bar, a rectangle, of this label."""
    (found,) = (one for one in axes.containers if isinstance(one, BarContainer) and one.get_label() == label)
    return found.patches[0]


def interval(values: Floats) -> Floats:
    return mean_and_interval(values[:, None])[1][:, 0]


class TestCommand:
    def test_writes_every_figure_in_both_formats_and_says_where(
        self, sources: Sources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folders = ("--results", str(sources.results), "--runs", str(sources.runs))
        folders += ("--entries", str(sources.entries))
        assert run(*folders, "--output", str(tmp_path / "new")) == 0
        begins = {"png": b"\x89PNG", "pdf": b"%PDF"}
        files = [f"{name}.{suffix}" for name in FIGURES for suffix in begins]
        assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(files)
        for path in (tmp_path / "new").iterdir():
            assert path.read_bytes().startswith(begins[path.suffix[1:]])
            assert b"/Type3" not in path.read_bytes(), "publishers refuse such fonts"
        printed = capsys.readouterr()
        assert [Path(said.split()[-1]).name for said in printed.out.splitlines()] == files
        absent = ", ".join((*LEARNERS, "rule-soar"))
        assert printed.err == (
            f"performance_profiles: without {absent}, not in {sources.entries}; "
            "`make -C results leaderboard` makes it\n"
        )

    def test_a_figure_without_data_is_left_out_with_what_is_missing_and_what_makes_it(
        self, sources: Sources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        nothing = tmp_path / "nothing"
        output = tmp_path / "new"
        arguments = ("--runs", str(nothing), "--output", str(output), "--format", "png")
        arguments += ("--entries", str(nothing))
        assert run("--results", str(sources.results), *arguments) == 0
        without = {"learning_curves", "ablation_curves", "performance_profiles"}
        assert {path.stem for path in output.iterdir()} == set(FIGURES) - without
        said = capsys.readouterr().err.splitlines()
        assert said == [
            f"{figure}: not drawn: {nothing / target}/LEARNER/SEED has no complete run; "
            f"`make -C results {target}` makes it"
            for figure, target in (("learning_curves", "table-2"), ("ablation_curves", "ablations"))
        ] + [
            f"performance_profiles: not drawn: {nothing} has no entry of a registered team; "
            "`make -C results leaderboard` makes it"
        ]

    def test_without_any_data_it_fails_and_writes_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        output = tmp_path / "new"
        folders = (f"--{name}={tmp_path}" for name in ("results", "runs", "entries"))
        assert run(*folders, "--output", str(output)) == 1
        said = capsys.readouterr().err
        assert (
            f"radar: not drawn: {tmp_path}/table-2/results.json is not there; `make -C results table-2`"
            in said
        )
        assert {message.partition(":")[0] for message in said.splitlines()} == set(FIGURES)
        assert not output.exists()

    @pytest.mark.parametrize("argument", ["--output", "--results", "--runs", "--entries"])
    def test_a_file_for_a_folder_is_refused(self, argument: str, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        given = {"--output": str(tmp_path), argument: str(tmp_path / "file")}
        said = refused("figures", *itertools.chain(*given.items()))
        assert f"{argument} must be a folder, got the file {tmp_path / 'file'}" in said

    def test_a_format_twice_is_refused(self, tmp_path: Path) -> None:
        said = refused("figures", "--output", str(tmp_path), "--format", "png", "png")
        assert "--format must be png, pdf or both, each once; got png png" in said

    @pytest.mark.parametrize("content", ["{", "[]", '{"paper_protocol": [{"name": "iql"}]}'])
    def test_a_file_that_is_no_results_is_named_and_nothing_is_written(
        self, content: str, sources: Sources, tmp_path: Path
    ) -> None:
        file = tmp_path / "ablations" / "results.json"
        file.parent.mkdir()
        file.write_text(content)
        output = tmp_path / "new"
        given = ("--results", str(tmp_path), "--runs", str(sources.runs), "--output", str(output))
        assert f"{file} must be results of `soc-env evaluate`" in refused("figures", *given)
        assert not output.exists()


class TestSources:
    def test_folders_that_the_makefile_s_sweeps_make_are_found(self) -> None:
        makefile = Path(__file__).parent.parent / "results" / "Makefile"
        sweeps = re.findall(
            r"--output \S+/(\S+) (\S+)(?: --config (\S+))? --vary (\S+)", makefile.read_text()
        )
        made: dict[str, list[str]] = {}
        for target, learner, config, vary in sweeps:
            axis = parse_axis(vary)
            labels = [Variant(config or None, ((axis.key, value),)).label(learner) for value in axis.values]
            made.setdefault(target, []).extend(labels)
        assert {ablation_of(label): label for label in made["ablations"]} == VARIANTS
        assert [interval_of(label) for label in made["interval"]] == list(paper.k_sensitivity())
        assert not any(interval_of(label) for label in made["ablations"])
        assert not any(ablation_of(label) for label in made["interval"])

    def test_what_is_there_is_drawn_and_the_rest_named(
        self, measured: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rows = measured["table-2"]
        write_results(
            tmp_path / "table-2", {"runs/iql": rows["iql"], "runs/qmix": None, "random": rows["iql"]}
        )
        drawing = FIGURES["radar"](Sources(tmp_path, tmp_path, tmp_path))
        assert [axes.get_title() for axes in panels(drawing.figure)] == ["IQL"]
        path = tmp_path / "table-2" / "results.json"
        absent = ", ".join(name for name in TEAMS if name != "iql")
        assert drawing.notes == [
            f"without figures, as {path} says: qmix",
            f"without {absent}, not in {path}; `make -C results table-2` makes it",
        ]

    def test_runs_that_are_not_complete_are_left_out_and_named(self, tmp_path: Path) -> None:
        folder = tmp_path / "ablations" / VARIANTS["Flat MARL"]
        write_run(folder / "42", 42, [1.0, 2.0])
        write_run(folder / "123", 123, [1.0], complete=False)
        drawing = FIGURES["ablation_curves"](Sources(tmp_path, tmp_path, tmp_path))
        assert list(line(drawing.figure.axes[0], "Flat MARL").get_ydata()) == [1.0, 2.0]
        assert (
            drawing.notes[0]
            == f"without runs in {tmp_path}/ablations that are not complete: {folder.name}/123"
        )

    def test_results_without_rows_for_a_figure_are_missing_data(self, measured: Any, tmp_path: Path) -> None:
        sources = Sources(tmp_path, tmp_path, tmp_path)
        write_results(tmp_path / "interval", {})
        with pytest.raises(
            MissingDataError, match=r"no row of the paper's protocol; `make -C results interval`"
        ):
            FIGURES["k_sensitivity"](sources)
        write_results(tmp_path / "interval", {"iql": measured["table-2"]["iql"]})
        with pytest.raises(
            MissingDataError, match=r"has none of 1, 3, 5, 10, 20; `make -C results interval`"
        ):
            FIGURES["k_sensitivity"](sources)

    def test_two_variants_of_one_learner_are_refused(self, tmp_path: Path) -> None:
        for name in ("iql", "iql@wide"):
            write_run(tmp_path / "table-2" / name / "42", 42, [1.0])
        with pytest.raises(ValueError, match="must have one variant of iql, got iql and iql@wide"):
            FIGURES["learning_curves"](Sources(tmp_path, tmp_path, tmp_path))

    def test_runs_of_different_lengths_are_refused(self, tmp_path: Path) -> None:
        for seed in (1, 2):
            write_run(tmp_path / "table-2" / "iql" / str(seed), seed, [1.0] * seed)
        with pytest.raises(ValueError, match=r"iql must have equally many episodes, got \[1, 2\]"):
            FIGURES["learning_curves"](Sources(tmp_path, tmp_path, tmp_path))


class TestLearningCurves:
    @pytest.mark.parametrize(
        ("figure", "target", "looks"),
        [("learning_curves", "table-2", TEAMS), ("ablation_curves", "ablations", ABLATIONS)],
    )
    def test_show_every_row_s_mean_over_seeds_with_its_interval(
        self, figure: str, target: str, looks: Any, sources: Sources, curves: Any
    ) -> None:
        over_time, _ = FIGURES[figure](sources).figure.axes
        for (name, rewards), band in zip(curves[target].items(), over_time.collections, strict=True):
            drawn = line(over_time, looks[name].label)
            points = rewards.reshape(len(SEEDS), 100, -1).mean(axis=2)
            np.testing.assert_allclose(drawn.get_ydata(), points.mean(axis=0))
            np.testing.assert_array_equal(drawn.get_xdata(), np.arange(2, EPISODES + 1, 2))
            low, high = mean_and_interval(points)[1]
            inside = band.get_paths()[0].vertices[:, 1]
            assert (inside.min(), inside.max()) == pytest.approx((low.min(), high.max()))

    def test_show_the_last_fifth_beside_the_paper_s(
        self, sources: Sources, curves: Any, measured: Any
    ) -> None:
        _, at_end = FIGURES["learning_curves"](sources).figure.axes
        for place, (name, look) in enumerate(TEAMS.items()):
            scripted = name in SCRIPTED
            final = (
                measured["table-2"][name]["reward"]
                if scripted
                else curves["table-2"][name][:, -40:].mean(axis=1)
            )
            assert marks(at_end, look.label) == [pytest.approx((place - 0.2, final.mean()))]
            (ends,) = whiskers(at_end, look.label)
            np.testing.assert_allclose(ends[0, :, 1], interval(final))
        published = [row["reward"] for name in TEAMS if (row := paper.find(name))]
        assert [y for _, y in marks(at_end, "paper")] == [one.mean for one in published]
        for one, ends in zip(published, whiskers(at_end, "paper"), strict=True):
            np.testing.assert_allclose(ends[0, :, 1], (one.mean - one.std, one.mean + one.std))

    def test_teams_that_do_not_learn_are_level_lines_or_said_to_be_missing(
        self, sources: Sources, measured: Any, tmp_path: Path
    ) -> None:
        over_time, _ = FIGURES["learning_curves"](sources).figure.axes
        level = {float(one.get_ydata()[0]) for one in over_time.lines if len(one.get_ydata()) == 2}
        assert level == {0.0} | {float(measured["table-2"][name]["reward"].mean()) for name in SCRIPTED}
        drawing = FIGURES["learning_curves"](Sources(tmp_path, sources.runs, sources.entries))
        assert drawing.notes == [
            f"without teams that do not learn: {tmp_path}/table-2/results.json is not there; "
            "`make -C results table-2` makes it"
        ]

    def test_one_seed_has_no_interval(self, sparse: Sources) -> None:
        figure = FIGURES["learning_curves"](sparse).figure
        (ends,) = whiskers(figure.axes[1], "IQL")
        assert not ends.size
        assert "means over 1 seed," in figure.legends[0].get_title().get_text()


class TestTeams:
    def test_radar_runs_from_the_worst_of_each_metric_to_the_best(
        self, sources: Sources, measured: Any
    ) -> None:
        axes = panels(FIGURES["radar"](sources).figure)
        assert [one.get_title() for one in axes] == [look.label for look in TEAMS.values()]
        everything = []
        for one, (name, look) in zip(axes, TEAMS.items(), strict=True):
            drawn = line(one, look.label).get_ydata()
            assert drawn[0] == drawn[-1]
            everything.append(drawn)
            (spokes,) = (lines for lines in one.collections if len(lines.get_segments()) == len(HEADLINES))
            for spoke, radius in zip(spokes.get_segments(), drawn[:-1], strict=True):
                low, high = np.sort(spoke[:, 1])
                assert low <= radius <= high
                everything.append(np.array([low, high]))
            if paper.find(name):
                everything.append(line(one, "paper").get_ydata())
        radii = np.concatenate(everything)
        assert (radii.min(), radii.max()) == pytest.approx((HOLE, 1.0))

    def test_radar_turns_metrics_of_which_less_is_better(self, sources: Sources, measured: Any) -> None:
        axes = panels(FIGURES["radar"](sources).figure)
        radii = [
            line(one, look.label).get_ydata()[:-1] for one, look in zip(axes, TEAMS.values(), strict=True)
        ]
        for (metric, label), of_metric in zip(HEADLINES.items(), np.transpose(radii), strict=True):
            means = np.array([rows[metric].mean() for rows in measured["table-2"].values()])
            correlation = np.corrcoef(on_scale(metric, means), of_metric)[0, 1]
            assert correlation == pytest.approx(-1.0 if "↓" in label else 1.0)

    def test_boxes_have_every_seed_its_quartiles_and_the_paper_s(
        self, sources: Sources, measured: Any
    ) -> None:
        figure = FIGURES["box_plots"](sources).figure
        axes = {one.get_xlabel(): one for one in panels(figure)}
        assert [name.get_text() for name in axes[HEADLINES["reward"]].get_yticklabels()] == [
            look.label for look in TEAMS.values()
        ]
        for metric, label in HEADLINES.items():
            dots = [one for one in axes[label].lines if one.get_label() == "one seed"]
            for (name, rows), dot in zip(measured["table-2"].items(), dots, strict=True):
                np.testing.assert_array_equal(dot.get_xdata(), rows[metric])
                box = bar(axes[label], TEAMS[name].label)
                quartiles = (box.get_x(), box.get_x() + box.get_width())
                assert quartiles == pytest.approx(tuple(np.quantile(rows[metric], (0.25, 0.75))))
                assert marks(axes[label], TEAMS[name].label)[0][0] == pytest.approx(rows[metric].mean())
            published = [row[metric].mean for name in TEAMS if (row := paper.find(name))]
            assert [x for x, _ in marks(axes[label], "paper")] == published

    def test_tradeoff_has_a_point_for_each_team_joined_with_the_paper_s(
        self, sources: Sources, measured: Any
    ) -> None:
        (axes,) = FIGURES["fpr_csr"](sources).figure.axes
        joined = {tuple(map(tuple, one.get_xydata())) for one in axes.lines}
        published = iter(marks(axes, "paper"))
        for name, rows in measured["table-2"].items():
            (point,) = marks(axes, TEAMS[name].label)
            assert point == pytest.approx((rows["fpr_percent"].mean(), rows["csr_percent"].mean()))
            (ends,) = whiskers(axes, TEAMS[name].label)
            np.testing.assert_allclose(ends[0, :, 0], interval(rows["fpr_percent"]))
            np.testing.assert_allclose(ends[1, :, 1], interval(rows["csr_percent"]))
            if row := paper.find(name):
                theirs = (row["fpr_percent"].mean, row["csr_percent"].mean)
                assert next(published) == theirs
                assert (point, theirs) in joined


class TestHMARLSOC:
    def test_interval_has_means_over_k_beside_the_paper_s_of_one_seed(
        self, sources: Sources, measured: Any
    ) -> None:
        figure = FIGURES["k_sensitivity"](sources).figure
        for axes, metric in zip(figure.axes, ("reward", "fpr_percent", "csr_percent"), strict=True):
            assert axes.get_ylabel() == HEADLINES[metric]
            means = [rows[metric].mean() for rows in measured["interval"].values()]
            assert [y for _, y in marks(axes, "HMARL-SOC")] == pytest.approx(means)
            for rows, ends in zip(measured["interval"].values(), whiskers(axes, "HMARL-SOC"), strict=True):
                np.testing.assert_allclose(ends[0, :, 1], interval(rows[metric]))
            published = [row[metric] for row in paper.k_sensitivity().values()]
            assert [y for _, y in marks(axes, "paper")] == published
            assert not any(len(ends) for ends in whiskers(axes, "paper"))
            assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "3", "5", "10", "20"]

    def test_ablations_are_bars_with_intervals_seeds_and_the_paper_s_values(
        self, sources: Sources, measured: Any
    ) -> None:
        figure = FIGURES["ablation_bars"](sources).figure
        axes = {one.get_xlabel(): one for one in figure.axes}
        for metric in ("reward", "csr_percent", "fpr_percent", "mttd"):
            panel = axes[HEADLINES[metric]]
            for name, rows in measured["ablations"].items():
                assert bar(panel, name).get_width() == pytest.approx(rows[metric].mean())
            for rows, ends in zip(measured["ablations"].values(), whiskers(panel, "mean"), strict=True):
                np.testing.assert_allclose(ends[0, :, 0], interval(rows[metric]))
            dots = [one.get_xdata() for one in panel.lines if one.get_label() == "one seed"]
            np.testing.assert_array_equal(dots, [rows[metric] for rows in measured["ablations"].values()])
            published = [paper.ablation()[name][metric].mean for name in ABLATIONS]
            assert [x for x, _ in marks(panel, "paper")] == published


class TestProfiles:
    def test_are_shares_of_episodes_above_each_reward(self, sources: Sources) -> None:
        figure = FIGURES["performance_profiles"](sources).figure
        whole, near = panels(figure)
        (entrant,) = find_entrants("tuned-soar", "soc_v0", (), Path("runs"))
        row = held_out_row(entrant, EnvSpec("soc_v0"), evaluation_seeds(2), 20)
        assert row.values is not None
        rewards = row.values[:, :, column("reward")]
        for axes in (whole, near):
            thresholds, shares = line(axes, "Tuned-SOAR").get_data()
            above = [100 * (rewards > threshold).mean() for threshold in thresholds]
            np.testing.assert_allclose(shares, above)
        assert line(whole, "Tuned-SOAR").get_ydata()[0] == 100


def texts(figure: Any) -> Iterator[tuple[str, Any]]:
    """Every text that is shown, and its box in pixels."""
    import matplotlib.text
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).draw()
    beyond = set()
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        low, high = sorted(axis.get_view_interval())
        beyond |= {tick.label1 for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high}
    for text in figure.findobj(matplotlib.text.Text):
        if text not in beyond and text.get_visible() and text.get_text().strip():
            yield text.get_text(), text.get_window_extent()


class TestLooks:
    @pytest.mark.filterwarnings("error")  # a layout that has no room for its parts warns
    @pytest.mark.parametrize("of", ["sources", "sparse"])
    @pytest.mark.parametrize("name", FIGURES)
    def test_texts_are_whole_and_do_not_overlap(
        self, name: str, of: str, request: pytest.FixtureRequest
    ) -> None:
        figure = FIGURES[name](request.getfixturevalue(of)).figure
        shown = list(texts(figure))
        for text, box in shown:
            assert min(box.x0, box.y0) >= 0, text
            assert box.x1 <= figure.bbox.width, text
            assert box.y1 <= figure.bbox.height, text
        for (one, box), (other, its) in itertools.combinations(shown, 2):
            assert not box.overlaps(its), (one, other)

    @pytest.mark.parametrize("name", [name for name in FIGURES if name != "performance_profiles"])
    def test_the_paper_s_marker_is_in_every_legend_and_is_no_team_s(
        self, name: str, sources: Sources
    ) -> None:
        (legend,) = FIGURES[name](sources).figure.legends
        (entry,) = (one for one in legend.legend_handles if one.get_label().startswith("paper"))
        assert entry.get_marker() == "D"
        assert "D" not in {look.marker for look in (*TEAMS.values(), *ABLATIONS.values())}

    def test_teams_differ_in_colour_dashes_and_marker_each(self) -> None:
        for looks in (TEAMS, ABLATIONS):
            for part in ("color", "linestyle", "marker"):
                assert len({getattr(look, part) for look in looks.values()}) == len(looks)

    def test_scales_keep_order_and_are_linear_where_teams_are_close(self) -> None:
        rewards = np.array([-1238.2, -336.5, -5.0, 0.0, 5.0, 10.0])
        assert (np.diff(on_scale("reward", rewards)) > 0).all()
        np.testing.assert_allclose(np.diff(on_scale("reward", rewards[2:])), 1.0)
        np.testing.assert_array_equal(on_scale("csr_percent", rewards), rewards)
