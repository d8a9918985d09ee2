"""The figures of an episode as logs and tables have them: the paper's columns first."""

from __future__ import annotations

from typing import Final

METRIC_COLUMNS: Final = {
    "reward": ("episode_return", 1.0),
    "mttd": ("mttd", 1.0),
    "mttr": ("mttr", 1.0),
    "fpr_percent": ("fpr", 100.0),
    "csr_percent": ("csr", 100.0),
    "exfiltrated": ("exfiltrated", 1.0),
    "compromised": ("compromised", 1.0),
    "false_positives": ("false_positives", 1.0),
    "true_positives": ("true_positives", 1.0),
    "alerts": ("alerts", 1.0),
    "scans": ("scans", 1.0),
    "length": ("length", 1.0),
    "final_attack_phase": ("attack_phase", 1.0),
}
"""Column: (the environment's episode metric, what it is multiplied by)."""
