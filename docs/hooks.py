"""The tables and help texts of these pages, made from the code itself whenever the site is built.

A page asks for one by a line of its own, `<!-- generated: NAME ARGUMENT ... -->`; `GENERATORS` lists the
names. So what pages say of fields, keywords, options and versions cannot go stale.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
import io
import itertools
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import agent_zoo
import baselines
import soc_env
from soc_env import soc_v0
from soc_env.engine.fields import Field
from soc_env.team import AGENTS, CONTROL_SIZES, TRIAGE, Verdict

ROOT: Final = Path(__file__).parent.parent
HELP_WIDTH: Final = 100
"""Columns of a help text."""

NO_BREAK: Final = "&nbsp;"

_MARKER: Final = re.compile(r"^( *)<!-- generated: (.+?) -->$", re.MULTILINE)
_CONFIG: Final = soc_v0.Config()


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls this with the text of every page before it renders it."""
    return _MARKER.sub(_generated, markdown)


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """MkDocs calls this with the site's files: the leaderboard's own page becomes one of them."""
    from mkdocs.structure.files import File  # the other generators need no MkDocs

    page = ROOT / "leaderboard" / "index.html"
    files.append(File.generated(config, "leaderboard/index.html", abs_src_path=str(page)))
    return files


def _generated(marker: re.Match[str]) -> str:
    indent, (name, *arguments) = marker[1], marker[2].split()
    if name not in GENERATORS:
        raise ValueError(f"generated must be one of {', '.join(GENERATORS)}, got {name!r} in {marker[0]!r}")
    lines = GENERATORS[name](*arguments).splitlines()
    return "\n".join(f"{indent}{line}".rstrip() for line in lines)


def facts() -> str:
    """The environment at a glance, in the order of PettingZoo's pages."""
    env = soc_v0.parallel_env()
    (state_size,) = env.state_space.shape
    agents = ", ".join(f"`{agent}`" for agent in AGENTS)
    rows = [
        ("Import", "`from soc_env import soc_v0`"),
        ("PettingZoo", '`pettingzoo.make("parallel", "soc_env/soc-v0")`, or `"aec"`'),
        ("Gymnasium", '`gymnasium.make_vec("soc_env/soc-v0", num_envs=n)`; joint face: `gymnasium.make`'),
        ("Actions", "continuous, of one agent discrete"),
        ("Parallel API", "yes"),
        ("AEC API", "yes"),
        ("Manual control", "no"),
        ("Agents", f"{len(AGENTS)}: {agents}"),
        ("Action shapes", ", ".join(_shape(env.action_space(agent)) for agent in AGENTS)),
        ("Action values", "-1 to 1; the triage's 0 to 3"),
        ("Observation shapes", ", ".join(_shape(env.observation_space(agent)) for agent in AGENTS)),
        ("Observation values", "0 to 1; entries with noise are unbounded"),
        ("State shape", f"({state_size},)"),
        ("State values", f"{env.state_space.low.min():g} to {env.state_space.high.max():g}"),
        ("Reward", "one for the whole team"),
        ("Hosts", f"{_CONFIG.num_hosts} in {len(_CONFIG.segments)} segments"),
        ("Longest episode", f"{_CONFIG.max_steps} steps"),
    ]
    return _table(("soc_v0", ""), rows)


def observation(agent: str) -> str:
    """What the entries of an agent's observation are."""
    return _fields_table(soc_v0.fields(agent))


def state() -> str:
    """What the entries of `state()` are."""
    return _fields_table(soc_v0.state_fields())


def actions() -> str:
    """What the numbers of every agent's action do."""
    scenario = soc_v0.parallel_env().scenario
    rows: list[tuple[str, str, str]] = []
    for agent in AGENTS:
        if agent == TRIAGE:
            rows += [(f"`{agent}`", str(verdict.value), verdict.name.lower()) for verdict in Verdict]
            continue
        size = CONTROL_SIZES[agent]
        used = []
        for group in scenario.action_groups[agent]:
            places = list(range(size))[group.part]
            used += places
            for_each = f" of {group.family}s 0 to {len(places) - 1}" if group.family else ""
            rows.append((f"`{agent}`", _span(places[0], places[-1]), f"{group.label}{for_each}"))
        unused = _joined(place for place in range(size) if place not in used)
        rows.append((f"`{agent}`", unused, "no effect"))
    return _table(("agent", "entry or verdict", "meaning"), _without_repeats(rows))


def segments() -> str:
    """The network of the default config."""
    names = [segment.name for segment in _CONFIG.segments]
    rows = [
        (
            index,
            segment.name,
            segment.value,
            f"{segment.vulnerability_mean:.2f}",
            ", ".join(names[other] for other in segment.reaches),
        )
        for index, segment in enumerate(_CONFIG.segments)
    ]
    return _table(("segment", "name", "value", "mean vulnerability", "reaches"), rows)


def phases() -> str:
    """The attacker's phases in the default config."""
    rows = [
        (
            index,
            phase.name,
            phase.technique,
            phase.visibility,
            f"{phase.visibility * (1 - _CONFIG.stealth):.2f}",
        )
        for index, phase in enumerate(_CONFIG.phases)
    ]
    return _table(("phase", "name", "technique", "visibility", "after stealth"), rows)


def config() -> str:
    """The keywords of every face."""
    rows: list[tuple[str, str, str, str]] = []
    for field in dataclasses.fields(soc_v0.Config):
        name, default, about = f"`{field.name}`", getattr(_CONFIG, field.name), field.metadata
        if "kind" not in about:  # the two tuples
            (kind,) = {type(member).__name__ for member in default}
            rows.append((name, "see above", f"{len(default)} of `{kind}`", "see above"))
        elif about["kind"] is bool:
            rows.append((name, str(default), "True or False", about["doc"]))
        else:
            rows.append((name, _number(default), _range(about["low"], about["high"]), about["doc"]))
    return _table(("keyword", "default", "range", "meaning"), rows)


def cage4(what: str) -> str:
    """A table of the adapter to CAGE-4: its observations, rules, truth or measures."""
    from evaluation.cage4 import acting, measures, observing, truth

    rules = [
        (str(place), f"`{rule.action}`", rule.when, rule.on) for place, rule in enumerate(acting.RULES, 1)
    ]
    tables: dict[str, tuple[Sequence[str], Sequence[Sequence[str]]]] = {
        "observations": (
            ("entry of the SOC's observations", "what of CAGE-4 it is"),
            _named(observing.TABLE),
        ),
        "rules": (("", "action", "taken when the team's wish for the zone is", "on"), rules),
        "state": (
            ("entry of the state", "what it is"),
            list(dict.fromkeys((_kind(one), one.description) for one in truth.state_fields())),
        ),
        "measures": (
            ("measure", "what it is"),
            [(one.heading, one.description) for one in measures.MEASURES],
        ),
    }
    return _table(*tables[what])


def _kind(field: Field) -> str:
    """What all fields of a family that say the same are called."""
    family = field.of.family if field.of and field.of.family != "segment" else ""
    return ".".join(part for part in (family, field.quantity) if part)


def _named(meanings: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(f"`{name}`", meaning) for name, meaning in meanings.items()]


def learners() -> str:
    """The learners, and the configs that come with them."""
    rows = []
    for registry in (agent_zoo.REGISTRY, baselines.REGISTRY):
        for name in registry.learners:
            stems = sorted(path.stem for path in (registry.folder / "configs").glob("*.yaml"))
            own = [stem for stem in stems if stem == name or stem.startswith(f"{name}-")]
            configs = ", ".join(f"`{stem}`" for stem in own)
            rows.append((f"`{name}`", f"`{registry.folder.name}`", configs))
    return _table(("learner", "package", "configs"), rows)


def weights() -> str:
    """The trained teams whose weights are in this version."""
    rows = []
    for registry in (agent_zoo.REGISTRY, baselines.REGISTRY):
        for folder in sorted((registry.folder / "weights").glob("*/")):
            for name in registry.learners:
                stems = (path.stem.removeprefix(f"{name}-") for path in folder.glob(f"{name}-*.safetensors"))
                seeds = sorted(int(stem) for stem in stems if stem.isdigit())
                if seeds:
                    package = registry.folder.name
                    rows.append((f"`{name}`", folder.name, f"`{package}`", ", ".join(map(str, seeds))))
    if not rows:
        return "This version comes without trained weights."
    return _table(("team", "environment", "package", "training seeds"), rows)


def versions() -> str:
    """Everything that has a version of its own."""
    from evaluation import trajectories
    from evaluation.environments import known_environments
    from evaluation.leaderboard import build, entry
    from evaluation.protocol import PROTOCOL_VERSION

    environments = ", ".join(f"`{name}`" for name in known_environments())
    rows = [
        ("package `soc-env`", soc_env.__version__),
        ("environments", environments),
        ("evaluation protocol", PROTOCOL_VERSION),
        ("leaderboard entry", f"format {entry.FORMAT_VERSION}"),
        ("`leaderboard.json`", f"format {build.FORMAT_VERSION}"),
        ("recorded episodes", f"format {trajectories.FORMAT_VERSION}"),
    ]
    return _table(("what", "now"), rows)


def help_text(*command: str) -> str:
    """The help of a subcommand of `soc-env`, as a terminal shows it."""
    from evaluation.cli import main

    shown, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(HELP_WIDTH)
    try:
        with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
            main([*command, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    text = re.sub(r"\n\n\n+", "\n\n", shown.getvalue().strip())
    return f"```text\n{text}\n```"


def docstring_table(module: str) -> str:
    """The table in the docstring of a module."""
    lines = (inspect.getdoc(importlib.import_module(module)) or "").splitlines()
    return "\n".join(line for line in lines if line.startswith("|"))


def targets() -> str:
    """The targets of results/Makefile, as its head describes them."""
    text = (ROOT / "results" / "Makefile").read_text("utf-8")
    rows = [(f"`make {target}`", what) for target, what in re.findall(r"^#   make (\S+) +(.+)$", text, re.M)]
    return _table(("in `results/`", "what it makes"), rows)


def results(table: str, *heading: str) -> str:
    """One section of a committed table, without its heading.

    Args:
        table: its folder in results/.
        heading: the section's.

    Raises:
        ValueError: no section is called so.
    """
    return _section(ROOT / "results" / table / "table.md", " ".join(heading))


def leaderboard(*heading: str) -> str:
    """One section of the committed leaderboard, without its heading; see `results`."""
    return _section(ROOT / "leaderboard" / "leaderboard.md", " ".join(heading))


def _section(path: Path, wanted: str) -> str:
    # Titles of results say after a comma which environment they are of; no table of the pages has two.
    for section in path.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        if title.partition(", on ")[0] == wanted:
            return text.strip()
    raise ValueError(f"the heading must be one of {path}, got {wanted!r}")


GENERATORS: Final[dict[str, Callable[..., str]]] = {
    "facts": facts,
    "observation": observation,
    "state": state,
    "actions": actions,
    "segments": segments,
    "phases": phases,
    "config": config,
    "cage4": cage4,
    "learners": learners,
    "weights": weights,
    "versions": versions,
    "help": help_text,
    "docstring-table": docstring_table,
    "targets": targets,
    "results": results,
    "leaderboard": leaderboard,
}


def _fields_table(described: Sequence[Field]) -> str:
    """Fields in rows; those that are alike for every segment, phase or number share one."""
    groups: dict[tuple[str, str], list[Field]] = {}
    for field in described:
        groups.setdefault(_generic(field), []).append(field)
    rows: list[list[str]] = []
    for (name, description), fields in groups.items():
        first = fields[0]
        anonymous = {"name": "", "description": "", "of": None, "quantity": "", "start": 0}
        alike = {dataclasses.replace(field, **anonymous) for field in fields}
        if len(alike) != 1:
            raise ValueError(f"fields that share a row must be alike, got {alike} for {name}")
        values = _range(first.low, first.high)
        if first.noise:
            values = f"noise {_number(first.noise)}".replace(" ", NO_BREAK)
        elif first.low == first.high:
            values = _number(first.low)
        leaks = "yes" if first.leaks_truth else ""
        rows.append([_places(fields), f"`{name}`", description, values, leaks])
    header = ["entries", "name", "meaning", "values", "leak"]
    if not any(field.leaks_truth for field in described):
        header, rows = header[:-1], [row[:-1] for row in rows]
    return f'<div class="fields" markdown>\n\n{_table(header, rows)}\n\n</div>'


def _generic(field: Field) -> tuple[str, str]:
    """A field's name and description with SEGMENT, PHASE and N instead of which one it is."""
    name, description = field.name, field.description
    first, dot, rest = name.partition(".")
    if first in {segment.name for segment in _CONFIG.segments}:
        name = f"SEGMENT{dot}{rest}"
    elif first == "phase" and rest in {phase.name for phase in _CONFIG.phases}:
        name = "phase.PHASE"
    number = re.search(r"\[(\d+)\]", name)
    if number:
        name = name.replace(number[0], "[N]")
        description = re.sub(rf"\bhost {number[1]}\b", "host N", description)
    return name, description


def _places(fields: Sequence[Field]) -> str:
    """Where fields are in an observation."""
    if all(after.start == field.start + field.size for field, after in itertools.pairwise(fields)):
        return _span(fields[0].start, fields[-1].start + fields[-1].size - 1)
    spans = [_span(field.start, field.start + field.size - 1) for field in fields]
    short = len(spans) <= 5 and fields[0].size == 1
    return ", ".join(spans) if short else f"{spans[0]}, {spans[1]}, ..., {spans[-1]}"


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _joined(places: Iterable[int]) -> str:
    """Numbers in ascending order, neighbours as a span."""
    spans: list[list[int]] = []
    for place in places:
        if spans and place == spans[-1][1] + 1:
            spans[-1][1] = place
        else:
            spans.append([place, place])
    return ", ".join(_span(first, last) for first, last in spans)


def _shape(space: Any) -> str:
    return f"({', '.join(map(str, space.shape))},)" if space.shape else f"Discrete({space.n})"


def _range(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}".replace(" ", NO_BREAK)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _without_repeats(rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """The first cell only where it changes."""
    shown, before = [], None
    for first, *rest in rows:
        shown.append(["" if first == before else first, *rest])
        before = first
    return shown


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown.

    Raises:
        ValueError: it would have no row.
    """
    lines = [_line(row) for row in rows]
    if not lines:
        raise ValueError(f"a table of {', '.join(header)} must have rows, got none")
    return "\n".join([_line(header), _line(["---"] * len(header)), *lines])


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"
