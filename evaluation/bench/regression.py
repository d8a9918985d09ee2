"""A run of a benchmark beside an earlier one: speeds relative to a reference of the same run.

Absolute speeds tell machines and hours apart, not versions. What a case is worth beside another one that took
turns with it stays, so a change of that ratio is a change of the code (or of the versions below it).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evaluation.tables import Table, number

FORMAT: Final = "soc-env bench"
_FIGURES: Final = ("p25_us", "p50_us", "p75_us", "p99_us", "rate_low", "rate_median", "rate_high")


@dataclass(frozen=True)
class Reference:
    """What the cases of a section are measured against.

    Attributes:
        section: where in the report's figures the cases are.
        labels: those of the reference, for instance {"face": "plain simulator"}.
        same: columns in which a case and its reference agree.
    """

    section: str
    labels: Mapping[str, str]
    same: Sequence[str]


def read_earlier(path: Path, bench: str) -> dict[str, Any]:
    """The figures that `soc-env bench BENCH --output PATH` kept.

    Raises:
        ValueError: the file cannot be read, or holds something else.
    """
    try:
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = (figures["format"], figures["bench"])
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"--beside {path}: expected figures of `soc-env bench {bench}`: {error!r}") from None
    if found != (FORMAT, bench):
        raise ValueError(
            f"--beside {path}: expected figures of `soc-env bench {bench}`, got {found[0]} {found[1]}"
        )
    return figures


def compared(now: Mapping[str, Any], earlier: Mapping[str, Any], references: Sequence[Reference]) -> Table:
    """Every case that both runs have: its speed over its reference's, earlier and now."""
    rows = []
    for reference in references:
        before = dict(_relative(earlier.get(reference.section, ()), reference))
        for case, ratio in _relative(now[reference.section], reference):
            if case in before:
                change = number(ratio / before[case], 2)
                rows.append(
                    (reference.section, _named(case), f"{before[case]:,.4g}", f"{ratio:,.4g}", change)
                )
    note = (
        "Speeds over that of the reference in the same run; below 1 in the last column is slower than before."
    )
    return Table(
        "Beside the earlier run", ("", "case", "earlier", "now", "now / earlier"), tuple(rows), (note,)
    )


_Labels = tuple[tuple[str, Any], ...]


def _relative(cases: Sequence[Mapping[str, Any]], reference: Reference) -> Iterator[tuple[_Labels, float]]:
    def group(case: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(case[column] for column in reference.same)

    def is_reference(case: Mapping[str, Any]) -> bool:
        return all(case[column] == value for column, value in reference.labels.items())

    rates = {group(case): case["rate_median"] for case in cases if is_reference(case)}
    for case in cases:
        if not is_reference(case) and group(case) in rates:
            labels = tuple((column, value) for column, value in case.items() if column not in _FIGURES)
            yield labels, case["rate_median"] / rates[group(case)]


def _named(labels: _Labels) -> str:
    return ", ".join(value if isinstance(value, str) else f"{column} {value:,}" for column, value in labels)
