"""What soc_v0 measures of an episode: the paper's figures first, those of its Table II as headlines."""

from __future__ import annotations

from typing import Final

from soc_env.metrics import LENGTH, REWARD, Metric, Metrics

METRICS: Final = Metrics(
    (
        REWARD,
        Metric(
            "mttd",
            "step of the first detection, from the episode's start; max_steps without one",
            label="MTTD",
            unit="steps",
            better="lower",
            headline=True,
        ),
        Metric(
            "mttr",
            "step of the containment, from the episode's start; max_steps without one",
            label="MTTR",
            unit="steps",
            better="lower",
            headline=True,
        ),
        Metric(
            "fpr_percent",
            "false positives / (hosts scanned - true positives), at most 1",
            label="FPR",
            unit="%",
            source="fpr",
            factor=100.0,
            better="lower",
            headline=True,
        ),
        Metric(
            "csr_percent",
            "episodes in which the attack was contained",
            label="CSR",
            unit="%",
            source="csr",
            factor=100.0,
            better="higher",
            headline=True,
        ),
        Metric("exfiltrated", "1 if data was exfiltrated", better="lower"),
        Metric("compromised", "hosts compromised at the end", unit="hosts", better="lower"),
        Metric("false_positives", "false scans and escalated benign alerts", better="lower"),
        Metric("true_positives", "detections and escalated true alerts", better="higher"),
        Metric("alerts", "alerts raised, benign and dropped ones included"),
        Metric("scans", "hosts scanned"),
        LENGTH,
        Metric("final_attack_phase", "the attacker's phase at the end, 0 to 4", source="attack_phase"),
    )
)
