"""soc_v0 as the engine sees it: config, kernels, spaces, metrics and pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from soc_env.contract import Scenario
from soc_env.engine.fields import ActionGroup, Field, leaking
from soc_env.rendering.snapshot import AlertView, SegmentView, Snapshot
from soc_env.soc_v0 import layout, state
from soc_env.soc_v0.config import Config
from soc_env.soc_v0.metrics import METRICS
from soc_env.soc_v0.rules.step import KERNELS
from soc_env.soc_v0.state import NEVER, Arrays
from soc_env.team import AGENTS, CONTROL_SLICES, COORDINATOR, HUNTER, RESPONDER, TRIAGE

ACTION_GROUPS: Mapping[str, tuple[ActionGroup, ...]] = {
    COORDINATOR: (
        ActionGroup("hunt intensity", slice(0, 1)),
        ActionGroup("hunt scope", slice(1, 2)),
        ActionGroup("isolation", slice(4, 5)),
    ),
    HUNTER: (
        ActionGroup("intensity", slice(0, 5), "segment"),
        ActionGroup("scope", slice(5, 10), "segment"),
    ),
    RESPONDER: (
        ActionGroup("isolate", slice(0, 5), "segment"),
        ActionGroup("remediate", slice(5, 10), "segment"),
    ),
}


class SocV0(Scenario):
    """The published SOC with one config."""

    env_id = "soc_v0"
    config_class = Config
    metrics = METRICS
    references = ("tuned-soar", "zero-enrich")
    head_truth = "oldest_alert.truth"
    kernels = KERNELS
    action_groups = ACTION_GROUPS

    def __init__(self, config: Config | None = None) -> None:
        super().__init__(config)
        self.families = {"segment": layout.segments(self.config)}
        self.hidden = np.flatnonzero(self._leaking() & self.config.leak_free)

    def make_parameters(self) -> np.ndarray:
        """The config as a record (1,)."""
        return state.parameters(self.config)

    def fields(self, agent: str) -> tuple[Field, ...]:
        """What the entries of an agent's observation mean, in order."""
        return layout.fields(agent, self.config)

    def state_fields(self) -> tuple[Field, ...]:
        """What the entries of the state mean, in order."""
        return layout.state_fields(self.config)

    def situation(self, state: NDArray[np.float32]) -> str:
        """The attacker's true phase."""
        phases = [field.start for field in self.state_fields() if field.of and field.of.family == "phase"]
        return self.config.phases[int(state[phases].argmax())].label

    def _leaking(self) -> NDArray[np.bool_]:
        """Which entries of the joint observation leak the truth, (352,)."""
        return np.concatenate([leaking(self.fields(agent)) for agent in AGENTS])

    def allocate(self, num_envs: int) -> Arrays:
        """Zeroed state arrays for `num_envs` lanes."""
        return state.allocate(self.config, num_envs)

    def episode_metrics(self, arrays: Arrays, lanes: NDArray[np.intp]) -> dict[str, np.ndarray]:
        """Episode metrics of some lanes; times in steps, fpr and csr as fractions."""
        lane = arrays.lanes[lanes]
        detection, containment = lane["detection_time"], lane["containment_time"]
        scans, true_positives = lane["scans"], lane["true_positives"]
        false_positives = lane["false_positives"]
        return {
            "episode_return": lane["episode_return"].copy(),
            "length": lane["step"].astype(np.int64),
            "mttd": np.where(detection == NEVER, self.config.max_steps, detection).astype(np.int64),
            "mttr": np.where(containment == NEVER, self.config.max_steps, containment).astype(np.int64),
            "fpr": np.minimum(1.0, false_positives / np.maximum(1, scans - true_positives)),
            "csr": (containment != NEVER).astype(np.float64),
            "exfiltrated": lane["exfiltrated"].astype(np.int64),
            "compromised": arrays.compromised[lanes].sum(axis=1, dtype=np.int64),
            "scans": scans.copy(),
            "true_positives": true_positives.copy(),
            "false_positives": false_positives.copy(),
            "alerts": lane["alerts"].copy(),
            "attack_phase": lane["phase"].astype(np.int64),
        }

    def snapshot(
        self, arrays: Arrays, lane: int, controls: np.ndarray, verdict: int, reward: float
    ) -> Snapshot:
        """One lane as a picture shows it."""
        now, config = arrays.lanes[lane], self.config
        actions = self._actions(controls, verdict) if now["step"] else {}
        return Snapshot(
            env_id=self.env_id,
            step=int(now["step"]),
            max_steps=config.max_steps,
            segments=tuple(
                self._segment(arrays, lane, index, bool(scanned))
                for index, scanned in enumerate(self._scanned(actions, now["directive"]))
            ),
            phases=tuple(phase.label for phase in config.phases),
            phase=int(now["phase"]),
            phase_steps=int(now["phase_steps"]),
            alerts=tuple(self._alerts(arrays, lane)),
            queue_capacity=config.queue_capacity,
            directive=now["directive"].copy(),
            actions=actions,
            action_groups=self.action_groups,
            reward=float(sum(self._reward_terms(now).values())),
            reward_terms=self._reward_terms(now),
            episode_return=float(now["episode_return"]),
            outcome=self._outcome(now),
        )

    def _segment(self, arrays: Arrays, lane: int, index: int, scanned: bool) -> SegmentView:
        segment, n = self.config.segments[index], self.config.hosts_per_segment
        hosts = slice(index * n, (index + 1) * n)
        return SegmentView(
            name=segment.name,
            value=segment.value,
            reaches=segment.reaches,
            compromised=arrays.compromised[lane, hosts].astype(bool),
            detected=arrays.detected[lane, hosts].astype(bool),
            isolated=arrays.isolated[lane, hosts].astype(bool),
            stage=arrays.stage[lane, hosts].astype(np.int64),
            scanned=scanned,
        )

    def _scanned(self, actions: Mapping[str, np.ndarray | int], directive: np.ndarray) -> NDArray[np.bool_]:
        """Which segments the last step's hunt covered, as `rules.hunt` decides it; none after a reset."""
        count, config = len(self.config.segments), self.config
        if not actions:
            return np.zeros(count, np.bool_)
        intensity = (np.asarray(actions[HUNTER], np.float64)[:count] + 1.0) / 2.0
        intensity += config.directive_intensity * (directive[0] + 1.0) / 2.0
        return np.minimum(intensity, 1.0) > config.hunt_threshold

    def _alerts(self, arrays: Arrays, lane: int) -> list[AlertView]:
        now = arrays.lanes[lane]
        places = (now["queue_start"] + np.arange(now["queue_length"])) % self.config.queue_capacity
        return [
            AlertView(
                severity=float(alert["severity"]),
                confidence=float(alert["confidence"]),
                segment=int(alert["segment"]),
                is_true=bool(alert["is_true"]),
                timestamp=int(alert["timestamp"]),
            )
            for alert in arrays.queue[lane, places]
        ]

    @staticmethod
    def _actions(controls: np.ndarray, verdict: int) -> dict[str, np.ndarray | int]:
        actions: dict[str, np.ndarray | int] = {
            agent: np.clip(controls[part], -1.0, 1.0) for agent, part in CONTROL_SLICES.items()
        }
        actions[TRIAGE] = verdict
        return actions

    @staticmethod
    def _reward_terms(now: np.void) -> dict[str, float]:
        names = ("detection", "response", "cost", "false_positive")
        return {name: float(now[f"{name}_reward"]) for name in names}

    def _outcome(self, now: np.void) -> str | None:
        contained, exfiltrated = now["containment_time"] != NEVER, bool(now["exfiltrated"])
        if contained and exfiltrated:
            return "contained, but exfiltrated"
        if contained:
            return "contained"
        if exfiltrated:
            return "exfiltrated"
        return "time limit" if now["step"] >= self.config.max_steps else None
