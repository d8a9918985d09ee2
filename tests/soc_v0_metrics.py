"""soc_v0's metrics by name, as tests of tables and logs need them."""

from __future__ import annotations

from typing import Final

from soc_env import soc_v0

METRICS: Final = soc_v0.SCENARIO.metrics
NAMES: Final = METRICS.names
HEADLINES: Final = {metric.name: metric.heading for metric in METRICS.headlines}
column = METRICS.column
