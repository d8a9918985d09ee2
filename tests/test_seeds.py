"""One range of seeds to choose on and one for figures that are reported, said in one place."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from evaluation.commands.evaluate import Evaluate
from evaluation.commands.explain import Explain
from evaluation.commands.publish import Publish
from evaluation.commands.replay import Replay
from evaluation.commands.transfer import Transfer
from evaluation.seeds import evaluation_seeds, in_words
from soc_env.seeds import (
    CAGE4_SEED,
    CHOOSING_SEEDS,
    EVALUATION_SEEDS,
    FINAL_SEEDS,
    RESULTS_SEED,
    TRAINING_SEEDS,
)

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "evaluating.md"
NAMED = {EVALUATION_SEEDS.start, EVALUATION_SEEDS[-1], CHOOSING_SEEDS.start, RESULTS_SEED, CAGE4_SEED}
BLOCK = 10  # seeds: more than any of the project's tables has


def seeds_in(text: str) -> list[int]:
    """Evaluation seeds, with or without commas."""
    numbers = (int(number.replace(",", "")) for number in re.findall(r"\b\d(?:\d{9}|(?:,\d{3}){3})\b", text))
    return [number for number in numbers if number in EVALUATION_SEEDS]


def test_every_evaluation_seed_is_either_for_choosing_or_for_reported_figures() -> None:
    assert (FINAL_SEEDS.start, FINAL_SEEDS.stop) == (EVALUATION_SEEDS.start, CHOOSING_SEEDS.start)
    assert CHOOSING_SEEDS.stop == EVALUATION_SEEDS.stop
    assert RESULTS_SEED in FINAL_SEEDS
    assert CAGE4_SEED in FINAL_SEEDS


def test_no_two_of_the_project_s_blocks_share_an_episode() -> None:
    blocks = [range(start, start + BLOCK) for start in (FINAL_SEEDS.start, RESULTS_SEED, CAGE4_SEED)]
    assert not any(set(one) & set(other) for one, other in itertools.combinations(blocks, 2))


@pytest.mark.parametrize("command", [Evaluate, Explain, Publish, Replay, Transfer])
def test_commands_begin_with_a_final_seed(command: type) -> None:
    assert command.seed in FINAL_SEEDS  # type: ignore[attr-defined]


def test_what_is_measured_by_default_is_what_the_leaderboard_is_of() -> None:
    assert evaluation_seeds(1) == (FINAL_SEEDS.start,) == (Evaluate.seed,)


def test_the_documentation_has_the_ranges_that_the_code_has() -> None:
    table = TABLE.read_text("utf-8")
    for seeds in (TRAINING_SEEDS, FINAL_SEEDS, CHOOSING_SEEDS):
        assert f"| {seeds.start:,} to {seeds[-1]:,} |" in table


def test_no_page_names_an_evaluation_seed_that_the_table_does_not() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    pages += [ROOT / "leaderboard" / "README.md", ROOT / "results" / "Makefile"]
    for page in pages:
        for seed in seeds_in(page.read_text("utf-8")):
            assert seed in NAMED | {FINAL_SEEDS[-1]}, f"{page}: {seed}"


@pytest.mark.parametrize(
    "page", ["README.md", "docs/results.md", "docs/leaderboard.md", "leaderboard/README.md"]
)
def test_pages_with_figures_say_which_seeds_they_are_of_and_where_the_reason_is(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert RESULTS_SEED in seeds_in(text)
    assert "evaluating.md#seeds" in text


def test_advice_for_those_who_still_choose_is_to_use_the_seeds_for_choosing() -> None:
    guide = (ROOT / "examples" / "third_party_policy" / "README.md").read_text("utf-8")
    assert f"soc-env evaluate patient-soar --seed {CHOOSING_SEEDS.start}" in guide
    assert f"--seed {CHOOSING_SEEDS.start}" in TABLE.read_text("utf-8")


def test_notes_of_tables_name_seeds_and_say_where_they_are_for_choosing() -> None:
    assert in_words((FINAL_SEEDS.start,)) == f"evaluation seed {FINAL_SEEDS.start}"
    seeds = evaluation_seeds(5, CHOOSING_SEEDS.start)
    assert in_words(seeds) == f"evaluation seeds {seeds[0]} to {seeds[-1]}, which are for choosing"
