"""The published figures, and tables of them and of ours in a terminal, in Markdown and in JSON."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json

import numpy as np
import pytest

pytest.importorskip("rich")
pytest.importorskip("scipy")

from rich.console import Console

from evaluation import paper
from evaluation.comparison import Row, differences
from evaluation.entrants import Entrant
from evaluation.environments import EnvSpec
from evaluation.folding import cuts
from evaluation.report import Results, difference_table, held_out_table, paper_table
from evaluation.tables import NONE, Table, number, with_deviation, with_interval
from tests.soc_v0_metrics import HEADLINES, NAMES, column


def never_loaded(_: int | None) -> None:
    raise AssertionError("a table has no need of the policy")


# What teams reach: mean and standard deviation of an episode's reward, MTTD, MTTR, FPR and CSR.
TYPICAL = {
    "rule-soar": ((-1238.2, 880.0), (8.0, 3.3), (136.9, 84.0), (5.14, 0.3), (35.2, 47.0)),
    "single-drl": ((9.1, 3.0), (22.8, 18.3), (91.9, 56.7), (0.22, 0.23), (67.8, 29.8)),
    "tuned-soar": ((11.4, 2.0), (8.8, 3.1), (28.4, 12.0), (0.11, 0.05), (98.2, 13.0)),
    "zero-enrich": ((10.6, 2.5), (10.2, 4.0), (40.1, 20.0), (0.14, 0.06), (92.2, 26.0)),
}


STEALTHY = EnvSpec("soc_v0", {"stealth": 0.9})


def row(
    name: str, *, kind: str = "fixed", num_seeds: int = 5, error: str | None = None, note: str = ""
) -> Row:
    """A row of 200 episodes a seed around a team's typical figures, as sure of them as 2,000 would be."""
    rng = np.random.default_rng(sum(map(ord, name + kind)))
    values = rng.normal(1.0, 0.2, (num_seeds, 200, len(NAMES)))
    for metric, (mean, std) in zip(HEADLINES, TYPICAL.get(name, TYPICAL["rule-soar"]), strict=True):
        values[:, :, column(metric)] = rng.normal(mean, 0.3 * std, (num_seeds, 200))
    training_seeds = () if kind == "fixed" else paper.SEEDS[:num_seeds]
    entrant = Entrant(name, kind, never_loaded, training_seeds)  # type: ignore[arg-type]
    seeds = tuple(10**9 + k for k in range(num_seeds))
    return Row(entrant, STEALTHY, seeds, None if error else values, error, seconds=1.5, note=note)


ROWS = [
    row("rule-soar"),
    row("single-drl", kind="trained"),
    row("single-drl", kind="untrained"),
    row("tuned-soar"),
    row("zero-enrich"),
]


def results(rows: list[Row]) -> Results:
    asked = [row for row in rows if row.entrant.kind != "untrained"]
    return Results(40, rows, asked, 3.25, "2030-01-01T00:00:00+00:00")


def in_terminal(table: Table, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    console.print(table.to_rich())
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


class TestPaper:
    def test_has_the_published_figures_by_team(self) -> None:
        rule_soar = paper.find("rule-soar")
        assert rule_soar is not None
        assert rule_soar["reward"] == (-1238.2, 26.6)
        assert rule_soar["csr_percent"].mean == 35.2
        assert paper.find("tuned-soar") is None

    def test_columns_are_the_ones_that_are_measured(self) -> None:
        for published in paper.table_2().values():
            assert list(published) == list(HEADLINES)
        for published in paper.ablation().values():
            assert set(published) <= set(HEADLINES)

    def test_has_the_smaller_tables(self) -> None:
        assert paper.k_sensitivity()[10]["reward"] == -71.5
        assert paper.inference_ms() == {50: 2.1, 200: 4.2, 500: 8.3}
        assert paper.cage4_zero_shot_reward().mean == -30017.5
        assert paper.ablation()["Flat MARL"]["mttd"] == (13.1, 0.7)


class TestNumbers:
    def test_zero_has_no_minus_and_nan_is_a_dash(self) -> None:
        assert number(-0.001, 2) == "0.00"
        assert number(float("nan"), 2) == NONE

    def test_deviation_has_the_mean_s_decimals(self) -> None:
        assert with_deviation(-1238.21, 26.64) == "-1238.2 ± 26.6"
        assert with_deviation(5.139, 0.0123) == "5.14 ± 0.01"
        assert with_deviation(5.139, float("nan")) == "5.14"

    @pytest.mark.parametrize(
        ("value", "interval", "text"),
        [
            (11.418, (11.309, 11.527), "11.42\n[11.31, 11.53]"),
            (136.93, (136.81, 137.05), "136.9\n[136.8, 137.1]"),
            (50.72, (48.97, 52.51), "50.7\n[49.0, 52.5]"),
            (-1238.2, (-1290.4, -1180.3), "-1238\n[-1290, -1180]"),
            (4.0, (4.0, 4.0), "4.00\n[4.00, 4.00]"),
        ],
    )
    def test_interval_decides_how_many_decimals_mean_something(
        self, value: float, interval: tuple[float, float], text: str
    ) -> None:
        assert with_interval(value, interval) == text

    def test_differences_show_their_sign(self) -> None:
        assert with_interval(0.1, (-0.1, 0.3), sign=True) == "+0.10\n[-0.10, +0.30]"


class TestTable:
    def test_refuses_a_row_of_another_width(self) -> None:
        with pytest.raises(ValueError, match="2 cells"):
            Table("t", ("a", "b"), (("1",),))

    def test_markdown_keeps_lines_of_a_cell_and_escapes_bars(self) -> None:
        text = Table("Title", ("team", "x"), (("a|b", "1\n[0, 2]"),), ("a note",)).to_markdown()
        assert text.splitlines() == [
            "## Title",
            "",
            "| team | x |",
            "| --- | ---: |",
            "| a\\|b | 1<br>[0, 2] |",
            "",
            "- a note",
        ]

    def test_json_has_its_parts(self) -> None:
        table = Table("Title", ("team", "x"), (("a", "1"),), ("a note",))
        assert json.loads(json.dumps(table.to_json())) == {
            "title": "Title",
            "header": ["team", "x"],
            "rows": [["a", "1"]],
            "notes": ["a note"],
        }

    def test_every_line_of_a_cell_has_room_in_a_terminal_of_100_columns(self) -> None:
        for table in results(ROWS).tables():
            lines = in_terminal(table, 100)
            assert max(map(len, lines)) <= 100
            for cells in table.rows:
                for line in "\n".join(cells).splitlines():
                    assert any(line in printed for printed in lines)

    def test_nothing_is_cut_off_in_a_narrower_one(self) -> None:
        for table in results(ROWS).tables():
            lines = in_terminal(table, 70)
            assert max(map(len, lines)) <= 70
            assert not any("…" in line for line in lines)

    @pytest.mark.parametrize(
        ("name", "parts"),
        [
            (
                "hmarl-soc@learning_rate=0.001,env.stealth=0.8",
                ["hmarl-soc@", "learning_rate=0.001,", "env.stealth=0.8"],
            ),
            (
                "Single-DRL (srv/results/soc_v0/single-drl-42)",
                ["Single-DRL", "(srv/results/soc_v0/", "single-drl-42)"],
            ),
        ],
    )
    def test_names_break_where_their_parts_end(self, name: str, parts: list[str]) -> None:
        table = Table("Teams", ("team", "reward"), ((name, "-1234.5\n[-1240.0, -1230.0]"),), (name,))
        lines = in_terminal(table, 42)
        assert [line[:21].strip() for line in lines[3:6]] == parts
        assert "[-1240.0, -1230.0]" in lines[4]


@pytest.mark.parametrize("width", [1, 4, 9, 20])
def test_a_word_breaks_behind_separators_and_is_never_wider_than_there_is_room(width: int) -> None:
    word = "single-drl@learning_rate=0.001,nothing_to_break_atatatatatatat"
    ends = [0, *cuts(word, width), len(word)]
    parts = [word[start:end] for start, end in itertools.pairwise(ends)]
    assert "".join(parts) == word
    assert max(map(len, parts)) <= width
    assert all(len(part) == width or part[-1] in "-@_=,." for part in parts[:-1])


class TestPaperTable:
    def test_has_the_paper_s_figure_beside_ours_in_every_row(self) -> None:
        rows = {cells[0]: cells for cells in paper_table(ROWS, 2000).rows}
        assert rows["Rule-SOAR"][1] == "measured\npaper"
        assert rows["Rule-SOAR"][2].startswith("-12")
        assert rows["Rule-SOAR"][2].endswith("\n-1238.2 ± 26.6")
        assert rows["Tuned-SOAR"][2].endswith(f"\n{NONE}")

    def test_a_row_without_a_measurement_still_has_the_paper_s_and_says_why(self) -> None:
        table = paper_table([row("iql", kind="trained", error="no log")], 2000)
        assert table.rows[0][2] == f"{NONE}\n1.8 ± 4.7"
        assert "IQL: no log" in table.notes

    def test_names_units_and_what_is_better(self) -> None:
        assert paper_table(ROWS, 2000).header[2:] == (
            "reward ↑",
            "MTTD steps ↓",
            "MTTR steps ↓",
            "FPR % ↓",
            "CSR % ↑",
        )


class TestHeldOutTables:
    def test_mean_and_interquartile_mean_have_their_intervals_below_them(self) -> None:
        for statistic in ("mean", "iqm"):
            cells = held_out_table(ROWS[:1], 40, statistic).rows[0]
            estimate = ROWS[0].estimate
            low, high = getattr(estimate, f"{statistic}_interval")[:, column("reward")]
            assert cells[1] == with_interval(getattr(estimate, statistic)[column("reward")], (low, high))

    def test_a_failed_row_is_said_to_have_failed_and_why(self) -> None:
        table = held_out_table([row("random", error="threat_hunter: NaN"), ROWS[0]], 40, "mean")
        assert table.rows[0][1] == "failed"
        assert "Random: threat_hunter: NaN" in table.notes
        assert table.rows[1][1].startswith("-12")

    def test_one_training_seed_is_no_evidence_about_runs_and_the_table_says_so(self) -> None:
        alone = row("single-drl", kind="trained", num_seeds=1)
        assert any("One training seed only" in note for note in held_out_table([alone], 40, "mean").notes)
        assert not any("One training seed" in note for note in held_out_table(ROWS, 40, "mean").notes)

    def test_differences_are_to_both_references_and_to_the_learner_s_own_untrained_networks(self) -> None:
        found = [cells[0] for cells in difference_table(differences(ROWS)).rows]
        assert found == [
            "Rule-SOAR\nless Tuned-SOAR",
            "Rule-SOAR\nless Zero+enrich",
            "Single-DRL\nless untrained",
            "Single-DRL\nless Tuned-SOAR",
            "Single-DRL\nless Zero+enrich",
            "Tuned-SOAR\nless Zero+enrich",
        ]

    def test_a_failed_reference_leaves_out_its_differences_alone(self) -> None:
        rows = [*ROWS[:3], row("tuned-soar", error="broken"), ROWS[4]]
        assert not any("less Tuned" in cells[0] for cells in difference_table(differences(rows)).rows)
        assert len(differences(rows)) == 3

    def test_only_learners_have_training_seeds_to_resample(self) -> None:
        """The same episodes, far apart between seeds: chance for a learner's runs, none for fixed blocks."""
        reference = row("tuned-soar")
        assert reference.values is not None
        values = reference.values + np.linspace(-50.0, 50.0, 5)[:, None, None]
        widths = {}
        for kind in ("trained", "fixed"):
            played = dataclasses.replace(row("mine", kind=kind), values=values)
            (difference,) = differences([played, reference])
            widths[kind] = [
                float(np.ptp(e.mean_interval[:, 0])) for e in (played.estimate, difference.estimate)
            ]
        assert min(widths["trained"]) > 3 * max(widths["fixed"])


class TestResults:
    def test_json_has_figures_seeds_and_what_they_were_measured_with(self) -> None:
        document = json.loads(json.dumps(results(ROWS).to_json(), allow_nan=False))
        assert document["protocol_version"]
        assert document["environment"] == {"id": "soc_v0", "config": {"stealth": 0.9}}
        assert document["versions"]["numpy"] == np.__version__
        single = document["held_out"][1]
        assert [seed["training_seed"] for seed in single["seeds"]] == list(paper.SEEDS)
        assert [seed["environment_seed"] for seed in single["seeds"]] == [10**9 + k for k in range(5)]
        low, high = single["metrics"]["reward"]["mean_interval"]
        assert low < single["metrics"]["reward"]["mean"] < high
        assert document["paper_protocol"][0]["published"]["reward"] == {"mean": -1238.2, "std": 26.6}

    def test_json_has_null_for_what_is_not_known(self) -> None:
        alone = row("single-drl", kind="trained", num_seeds=1)
        failed = row("random", error="broken")
        document = json.loads(json.dumps(results([alone, failed]).to_json(), allow_nan=False))
        assert document["held_out"][0]["metrics"]["reward"]["std"] is None
        assert document["held_out"][1]["metrics"] is None
        assert document["held_out"][1]["error"] == "broken"

    def test_markdown_has_all_tables_and_the_settings(self) -> None:
        text = results(ROWS).to_markdown()
        assert text.startswith("# Teams on soc_v0\n")
        assert "stealth=0.9" in text
        assert text.count("\n## ") == 4
