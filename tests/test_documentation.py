"""What the documentation shows runs, and the site can be built from it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from soc_env import soc_v0
from soc_env.team import AGENTS, CONTROL_SIZES, HUNTER, NUM_VERDICTS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
ENVIRONMENT = DOCS / "environments" / "soc_v0.md"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]
pytestmark = pytest.mark.documentation

STEP = re.compile(r"^```python\n(?P<code>.*?)^```|^soc-env (?P<command>[^\n]*)$", re.DOTALL | re.MULTILINE)
"""A Python block, or a command."""

MODULE = re.compile(r"# (\w+\.py)\n")
"""How a block begins that is to be kept in a file of that name."""


def steps(page: Path) -> list[re.Match[str]]:
    """What a reader of a page does, from top to bottom."""
    return list(STEP.finditer(page.read_text()))


def run(*arguments: str, folder: Path, **environment: str) -> None:
    """Run Python with these arguments; it must succeed."""
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, "\n".join([" ".join(arguments), result.stdout, result.stderr])


def shortened(arguments: list[str]) -> list[str]:
    """The same command, on few episodes."""
    command = arguments[1] if arguments[0] == "leaderboard" else arguments[0]
    if "--faithfulness" in arguments:
        return [*arguments, "--lanes", "4"]
    if command not in ("evaluate", "train", "sweep", "submit", "transfer"):
        return arguments
    if "--episodes" in arguments:
        place = arguments.index("--episodes")
        arguments = arguments[:place] + arguments[place + 2 :]
    return [*arguments, "--episodes", "1" if "cage4" in arguments else "60"]


def make_quick_explainer(run_dir: Path) -> None:
    """Put an explainer beside a run's policy, which would take a minute to train otherwise."""
    import torch

    from agent_zoo.hmarl_soc import HMARLSOC
    from agent_zoo.hmarl_soc.explainer import gather_observations, train_explainer
    from evaluation.environments import EnvSpec
    from evaluation.explain.team import explainer_path
    from tests.explained import QUICK

    policy_file = run_dir / "policy.safetensors"
    policy = HMARLSOC.load(policy_file)
    env = EnvSpec(policy.env_id, policy.config.env).make_vector_env(16)
    observations = torch.from_numpy(gather_observations(policy, env, seed=0, steps=32)).flatten(0, 1)
    train_explainer(policy, observations, seed=0, config=QUICK).save(explainer_path(policy_file))


def load_hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# What pages show


def needs_cyborg(step: re.Match[str]) -> bool:
    """Whether it is a command that plays CAGE-4."""
    return "cage4" in (step["command"] or "")


def with_steps(*, cyborg: bool) -> list[Path]:
    """The pages on which there is something to do, with or without CybORG."""
    return [page for page in PAGES if any(needs_cyborg(step) == cyborg for step in steps(page))]


@pytest.mark.parametrize("page", with_steps(cyborg=False), ids=lambda page: page.name)
def test_a_page_can_be_followed_from_top_to_bottom(page: Path, tmp_path: Path):
    follow([step for step in steps(page) if not needs_cyborg(step)], tmp_path)


@pytest.mark.cyborg
@pytest.mark.timeout(1800)
@pytest.mark.skipif(importlib.util.find_spec("CybORG") is None, reason="CybORG is not installed")
@pytest.mark.parametrize("page", with_steps(cyborg=True), ids=lambda page: page.name)
def test_what_a_page_says_of_cage4_can_be_followed(page: Path, tmp_path: Path):
    follow([step for step in steps(page) if needs_cyborg(step)], tmp_path)


def follow(chosen: Sequence[re.Match[str]], tmp_path: Path) -> None:
    """Do what a page says, in one folder."""
    for step in chosen:
        code, command = step["code"], step["command"]
        if code is None:
            arguments = shlex.split(command, comments=True)
            if arguments[0] == "explain" and not (tmp_path / arguments[1] / "explainer.safetensors").exists():
                make_quick_explainer(tmp_path / arguments[1])
            run("-m", "evaluation.cli", *shortened(arguments), folder=tmp_path)
            continue
        module = MODULE.match(code)
        if module is not None:
            (tmp_path / module[1]).write_text(code)
        run("-c", code, folder=tmp_path)


def test_the_pages_show_what_they_are_there_for():
    commands = {step["command"].split()[0] for page in PAGES for step in steps(page) if step["command"]}
    assert commands >= {"evaluate", "train", "sweep", "explain", "leaderboard", "replay"}


def test_the_team_of_the_readme_can_be_entered(tmp_path: Path):
    (code,) = [step["code"] for step in steps(README) if "class MyTeam" in (step["code"] or "")]
    (tmp_path / "my_package.py").write_text(code)
    command = ("evaluate", "my_package:MyTeam", "--episodes", "20")
    run("-m", "evaluation.cli", *command, folder=tmp_path)


def test_links_between_files_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


# The page of the environment


def test_every_entry_of_every_observation_and_of_the_state_has_a_row():
    hooks = load_hooks()
    page = hooks.on_page_markdown(ENVIRONMENT.read_text())
    described = [soc_v0.fields(agent) for agent in AGENTS] + [soc_v0.state_fields()]
    tables = [hooks.observation(agent) for agent in AGENTS] + [hooks.state()]
    for fields, table in zip(described, tables, strict=True):
        assert table in page
        names = {name.strip("`") for name in re.findall(r"^\| [^|]+ \| (`[^|]+`) \|", table, re.MULTILINE)}
        assert names == {hooks._generic(field)[0] for field in fields}


def test_entries_that_a_row_stands_for_are_where_it_says():
    hooks = load_hooks()
    cells = [row.split(" | ") for row in hooks.observation(HUNTER).splitlines() if row.startswith("|")]
    rows = {name: places for places, name, *_ in cells}
    assert rows["`SEGMENT.hunt.visibility`"] == "| 21, 31, 41, 51, 61"
    assert rows["`SEGMENT.hunt.noise`"] == "| 22-29, 32-39, ..., 62-69"
    assert rows["`endpoint[N]`"] == "| 80-127"


def test_the_table_of_actions_has_every_number_once():
    hooks = load_hooks()
    agent, entries = "", dict[str, list[int]]()
    for row in hooks.actions().splitlines()[2:]:
        name, places, _ = (cell.strip(" `") for cell in row.strip("|").split("|"))
        agent = name or agent
        for span in places.split(", "):
            first, _, last = span.partition("-")
            entries.setdefault(agent, []).extend(range(int(first), int(last or first) + 1))
    sizes = {agent: CONTROL_SIZES.get(agent, NUM_VERDICTS) for agent in AGENTS}
    assert {agent: sorted(own) for agent, own in entries.items()} == {
        agent: list(range(size)) for agent, size in sizes.items()
    }


def test_it_names_every_metric():
    env = soc_v0.parallel_env(max_steps=1)
    env.reset(seed=0)
    actions = {agent: env.action_space(agent).sample() for agent in AGENTS}
    *_, infos = env.step(actions)
    for name in infos[AGENTS[0]]["episode_metrics"]:
        assert f"| `{name}` |" in ENVIRONMENT.read_text()


def test_an_unknown_table_is_refused_by_name():
    with pytest.raises(ValueError, match="got 'no_such_table'"):
        load_hooks().on_page_markdown("<!-- generated: no_such_table -->")


def test_the_committed_leaderboard_is_that_of_its_entries():
    pytest.importorskip("jsonschema")
    from evaluation.leaderboard.build import build

    built = build(ROOT / "leaderboard" / "entries")
    committed = json.loads((ROOT / "leaderboard" / "leaderboard.json").read_text())
    assert built["refused"] == committed["refused"] == []
    ranked, shown = (
        [[(entry["rank"], entry["file"]) for entry in board["entries"]] for board in document["boards"]]
        for document in (built, committed)
    )
    assert ranked == shown


# The site


def test_the_site_can_be_built_and_needs_no_other_host(tmp_path: Path):
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    site = tmp_path / "site"
    command = ("-m", "mkdocs", "build", "--strict", "--site-dir", str(site))
    run(*command, folder=ROOT, NO_MKDOCS_2_WARNING="1")
    pages = list(site.rglob("*.html"))
    for page in PAGES[1:]:
        assert site / page.relative_to(DOCS).with_suffix(".html") in pages
    assert site / "leaderboard" / "index.html" in pages
    for page in pages:
        text = page.read_text()
        assert "<!-- generated:" not in text
        assert not re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="?(?:https?:)?//', text), page
    assert not list(site.rglob("*.py*"))
