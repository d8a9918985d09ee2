"""Words and numbers as text and frame both write them."""

from __future__ import annotations


def signed(value: float) -> str:
    """Two digits after the point and always a sign; what rounds to nothing is +0.00."""
    return f"{round(float(value), 2) + 0.0:+.2f}"


def sign(value: float) -> int:
    """-1, 0 or 1 as `signed` shows it."""
    rounded = round(float(value), 2)
    return (rounded > 0) - (rounded < 0)


def steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def outcome_sign(outcome: str) -> int:
    """1 where the team won, -1 where it lost (also if it won too late), 0 for neither."""
    if "exfiltrated" in outcome:
        return -1
    return 1 if "contained" in outcome else 0
