"""Pictures: what they show, and that they can always be drawn."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from soc_env import soc_v0
from soc_env.engine.fields import ActionGroup
from soc_env.rendering import AlertView, FrameRenderer, Renderer, SegmentView, Snapshot, Window, render_text
from soc_env.rendering.canvas import Canvas
from soc_env.rendering.hosts import HostState, count_states, gather_hosts
from soc_env.team import COORDINATOR, HUNTER, RESPONDER, TRIAGE, Verdict

SEGMENTS = ("DMZ", "Corporate", "Development", "DataCenter", "Cloud")
REACHES = ((1, 2), (0, 2, 3), (1, 3, 4), (1, 2, 4), (2, 3))
PHASES = (
    "Reconnaissance T1595",
    "InitialAccess T1190",
    "Execution T1059",
    "LateralMovement T1021",
    "Exfiltration T1048",
)
STAGES = range(5)  # of soc_v0's rules: 0 is untouched
FLAGS = {
    HostState.CLEAN: (False, False, False),
    HostState.ISOLATED_CLEAN: (False, False, True),
    HostState.ISOLATED_COMPROMISED: (True, True, True),
    HostState.DETECTED: (True, True, False),
    HostState.UNDETECTED: (True, False, False),
}


def make_segment(index: int, hosts: int = 40) -> SegmentView:
    clean = np.zeros(hosts, bool)
    return SegmentView(SEGMENTS[index], 0.6, REACHES[index], clean, clean, clean, np.zeros(hosts, np.int64))


def make_snapshot(hosts: int = 40, **changes) -> Snapshot:
    """Step 37 of a quiet episode, with the given fields changed."""
    snapshot = Snapshot(
        env_id="soc_v0",
        step=37,
        max_steps=200,
        segments=tuple(make_segment(index, hosts) for index in range(5)),
        phases=PHASES,
        phase=2,
        phase_steps=4,
        alerts=make_alerts(3),
        queue_capacity=50,
        directive=np.linspace(-1.0, 1.0, 8),
        actions={
            COORDINATOR: np.linspace(-1.0, 1.0, 8),
            HUNTER: np.linspace(-1.0, 1.0, 16),
            TRIAGE: 2,
            RESPONDER: np.linspace(-1.0, 1.0, 12),
        },
        action_groups={
            COORDINATOR: (ActionGroup("hunt harder", slice(0, 1)), ActionGroup("hunt wider", slice(1, 2))),
            HUNTER: (ActionGroup("intensity", slice(0, 5)), ActionGroup("scope", slice(5, 10))),
            RESPONDER: (ActionGroup("isolate", slice(0, 5)), ActionGroup("remediate", slice(5, 10))),
        },
        reward=1.75,
        reward_terms={"detection": 0.8, "response": 0.98, "cost": -0.03, "false positives": 0.0},
        episode_return=12.34,
        outcome=None,
    )
    return replace(snapshot, **changes)


def make_alerts(count: int) -> tuple[AlertView, ...]:
    return tuple(AlertView(0.25, 0.75, index % 5, index % 2 == 0, 10 + index) for index in range(count))


def with_host(snapshot: Snapshot, state: HostState, stage: int = 0) -> Snapshot:
    """The snapshot with host 7 of the third segment in `state`."""
    segment = snapshot.segments[2]
    changed = {name: getattr(segment, name).copy() for name in ("compromised", "detected", "isolated")}
    for flag, value in zip(changed.values(), FLAGS[state], strict=True):
        flag[7] = value
    stages = segment.stage.copy()
    stages[7] = stage
    segments = (*snapshot.segments[:2], replace(segment, **changed, stage=stages), *snapshot.segments[3:])
    return replace(snapshot, segments=segments)


def plain(snapshot: Snapshot) -> str:
    return re.sub(r"\033\[[0-9;]*m", "", render_text(snapshot))


@pytest.fixture(scope="module")
def frames() -> FrameRenderer:
    return FrameRenderer()


def differ(frames: FrameRenderer, one: Snapshot, other: Snapshot) -> bool:
    return not np.array_equal(frames.draw(one), frames.draw(other))


# Cases that any picture must survive.
EXTREMES: dict[str, dict[str, Any]] = {
    "after a reset": {"step": 0, "phase": 0, "phase_steps": 0, "actions": {}, "alerts": ()},
    "ten hosts a segment": {"hosts": 10},
    "ten thousand hosts": {"hosts": 2000},
    "full queue": {"alerts": make_alerts(50)},
    "no reward terms": {"reward_terms": {}, "reward": 0.0},
    "huge numbers": {
        "reward": -98765.4321,
        "episode_return": -1234567.891,
        "step": 99999,
        "max_steps": 99999,
    },
    "both outcomes": {"outcome": "contained, but exfiltrated"},
    "many labels": {
        "action_groups": {
            COORDINATOR: tuple(ActionGroup(f"directive number {i}", slice(i, i + 1)) for i in range(8)),
            HUNTER: (
                ActionGroup("effort", slice(0, 5)),
                ActionGroup("depth", slice(5, 10)),
                *(ActionGroup(f"focus {i}", slice(i, i + 1)) for i in range(10, 16)),
            ),
            RESPONDER: (
                ActionGroup("isolate", slice(0, 5)),
                ActionGroup("remediate", slice(5, 10)),
                ActionGroup("throttle", slice(10, 11)),
                ActionGroup("release", slice(11, 12)),
            ),
        },
        "reward_terms": {f"reward term number {i}": i - 2.0 for i in range(6)},
    },
    "long names": {
        "segments": tuple(replace(make_segment(i), name=f"A segment with a long name {i}") for i in range(5)),
        "phases": tuple(f"A phase of the attack with a long name T100{i}" for i in range(7)),
    },
    "every way between segments": {
        "segments": tuple(
            replace(make_segment(i), reaches=tuple(j for j in range(5) if j != i)) for i in range(5)
        )
    },
    "one segment": {"segments": (replace(make_segment(0), reaches=()),), "alerts": (), "action_groups": {}},
    "four segments": {
        "segments": tuple(replace(make_segment(i), reaches=(3 - i,)) for i in range(4)),
        "alerts": (),
        "action_groups": {},
    },
}


@pytest.mark.parametrize("changes", EXTREMES.values(), ids=EXTREMES)
def test_a_frame_is_a_colour_picture_of_fixed_size_whatever_the_state(frames, changes):
    frame = frames.draw(make_snapshot(**changes))
    assert frame.shape == (760, 1200, 3)
    assert frame.dtype == np.uint8
    assert len(np.unique(frame.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32))) > 100


@pytest.mark.parametrize("changes", EXTREMES.values(), ids=EXTREMES)
def test_the_text_fits_a_terminal_of_100_columns_and_38_lines_whatever_the_state(changes):
    lines = plain(make_snapshot(**changes)).split("\n")
    assert max(len(line) for line in lines) <= 100
    assert len(lines) <= 38


def test_a_snapshot_has_one_frame_whoever_draws_it_and_whatever_was_drawn_before(frames):
    snapshot = with_host(make_snapshot(), HostState.DETECTED, stage=3)
    first = frames.draw(snapshot)
    frames.draw(make_snapshot(**EXTREMES["many labels"]))
    np.testing.assert_array_equal(frames.draw(snapshot), first)
    np.testing.assert_array_equal(FrameRenderer().draw(snapshot), first)


def test_a_frame_belongs_to_its_caller(frames):
    first = frames.draw(make_snapshot())
    before = first.copy()
    frames.draw(make_snapshot(outcome="contained"))
    np.testing.assert_array_equal(first, before)


@pytest.mark.parametrize("hosts", [10, 40, 200, 2000])
def test_each_state_of_a_single_host_gives_a_picture_of_its_own(frames, hosts):
    snapshots = [with_host(make_snapshot(hosts), state) for state in HostState]
    assert len({frames.draw(snapshot).tobytes() for snapshot in snapshots}) == len(HostState)
    assert len({render_text(snapshot) for snapshot in snapshots}) == len(HostState)


@pytest.mark.parametrize("hosts", [10, 40, 200, 2000])
def test_each_stage_of_a_compromised_host_gives_a_picture_of_its_own(frames, hosts):
    snapshots = [with_host(make_snapshot(hosts), HostState.UNDETECTED, stage) for stage in STAGES]
    assert len({frames.draw(snapshot).tobytes() for snapshot in snapshots}) == len(STAGES)
    assert len({render_text(snapshot) for snapshot in snapshots}) == len(STAGES)


def test_the_frame_counts_stages_as_the_rules_do(frames, monkeypatch):
    words = []
    write = Canvas.text
    monkeypatch.setattr(
        Canvas, "text", lambda canvas, text, *at, **how: words.append(text) or write(canvas, text, *at, **how)
    )
    frames.draw(with_host(make_snapshot(), HostState.UNDETECTED, STAGES[-1]))
    (legend,) = [line for line in words if "stage of the attack" in line]
    assert f"({STAGES[0]} to {STAGES[-1]}, 0 is blank)" in legend
    assert str(STAGES[-1]) in words


@pytest.mark.parametrize(
    "changes",
    [
        {"step": 150},
        {"phase": 3},
        {"phase_steps": 9},
        {"alerts": ()},
        {"alerts": make_alerts(50)},
        {"queue_capacity": 4},
        {"directive": -np.linspace(-1.0, 1.0, 8)},
        {"reward": -1.0},
        {"reward_terms": {"detection": 1.75}},
        {"episode_return": -3.0},
        {"outcome": "contained"},
        {"outcome": "exfiltrated"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_happens_is_seen_in_frame_and_text(frames, changes):
    assert differ(frames, make_snapshot(), make_snapshot(**changes))
    assert render_text(make_snapshot()) != render_text(make_snapshot(**changes))


@pytest.mark.parametrize("agent", [HUNTER, RESPONDER, TRIAGE])
def test_what_an_agent_does_is_seen_in_frame_and_text(frames, agent):
    other = make_snapshot()
    action = other.actions[agent]
    other = replace(other, actions={**other.actions, agent: 0 if agent == TRIAGE else -np.asarray(action)})
    assert differ(frames, make_snapshot(), other)
    assert render_text(make_snapshot()) != render_text(other)


def test_a_way_opens_to_the_attacker_with_a_foothold_and_shuts_with_its_isolation(frames):
    vermilion = np.array([230, 94, 20])

    def open_ways(state: HostState) -> int:
        """Vermilion pixels between the panels of the second and third column."""
        gap = frames.draw(with_host(make_snapshot(), state))[116:480, 544:580]
        return int((gap == vermilion).all(axis=-1).sum())

    assert open_ways(HostState.UNDETECTED) > 100
    assert open_ways(HostState.DETECTED) > 100
    assert open_ways(HostState.ISOLATED_COMPROMISED) == 0
    assert open_ways(HostState.CLEAN) == 0


def test_the_text_names_every_segment_phase_and_term_and_says_what_the_agents_did():
    text = plain(make_snapshot())
    for words in (*SEGMENTS, *PHASES, "detection +0.80", "cost -0.03", "return +12.34", "step 37/200"):
        assert words in text
    for words in (COORDINATOR, HUNTER, TRIAGE, RESPONDER, "intensity", "scope", "isolate", "remediate"):
        assert words in text
    assert "[Execution T1059, 4 steps]" in text
    assert "hunt harder 0%, hunt wider 14%" in text


@pytest.mark.parametrize("verdict", Verdict)
def test_the_text_names_the_verdict(verdict):
    snapshot = make_snapshot()
    snapshot = replace(snapshot, actions={**snapshot.actions, TRIAGE: int(verdict)})
    assert f"{TRIAGE}: {verdict.name.lower()}" in plain(snapshot)


def test_after_a_reset_no_agent_has_acted():
    text = plain(make_snapshot(actions={}))
    assert f"{TRIAGE}: no verdict yet" in text
    assert f"{HUNTER}: no action yet" in text
    assert f"{COORDINATOR}: no action yet" in text  # no directive of 50 %, which nobody has given


def test_the_text_shows_the_oldest_alerts_first_and_how_many_wait():
    text = plain(make_snapshot(alerts=make_alerts(50)))
    assert "50 of 50" in text
    shown = [int(step) for step in re.findall(r"step (\d+)  ", text)]
    assert shown == [10, 11, 12, 13, 14]
    assert re.search(r"next +step 10 .*severity .*0\.25 .*confidence .*0\.75 +attack", text)


def test_the_text_counts_hosts_by_state():
    text = plain(with_host(make_snapshot(2000), HostState.UNDETECTED, stage=2))
    assert "10,000 hosts" in text
    assert re.search(r"Development .*!.* 1999 +1 +0 +0 +2\n", text)


def test_the_outcome_is_said_only_at_the_end():
    assert "EXFILTRATED" in plain(make_snapshot(outcome="exfiltrated"))
    assert "EXFILTRATED" not in plain(make_snapshot())


def test_text_has_colours():
    assert "\033[" in render_text(make_snapshot())


def test_no_host_is_lost_when_hosts_share_a_cell():
    segment = with_host(make_snapshot(2001), HostState.UNDETECTED, stage=4).segments[2]
    cells = gather_hosts(segment, 100)
    assert len(cells.stage) <= 100
    np.testing.assert_array_equal(cells.counts.sum(axis=0), count_states(segment))
    assert cells.worst[0] == HostState.UNDETECTED
    assert cells.stage[0] == 4
    assert (cells.worst[1:] == HostState.CLEAN).all()


def test_hosts_get_a_cell_each_where_there_is_room():
    cells = gather_hosts(with_host(make_snapshot(), HostState.DETECTED).segments[2], 40)
    assert cells.hosts_per_cell == 1
    assert np.flatnonzero(cells.worst == HostState.DETECTED).tolist() == [7]


def test_an_action_group_that_is_neither_one_number_nor_one_a_segment_is_refused(frames):
    snapshot = make_snapshot(action_groups={HUNTER: (ActionGroup("odd one", slice(0, 3)),)})
    for draw in (render_text, frames.draw):
        with pytest.raises(ValueError, match=r"'odd one' holds 3 numbers; expected 1, or 5"):
            draw(snapshot)


def test_the_renderer_gives_what_the_mode_promises(frames):
    snapshot = make_snapshot()
    np.testing.assert_array_equal(Renderer("rgb_array", 8).render(snapshot), frames.draw(snapshot))
    assert Renderer("ansi", 8).render(snapshot) == render_text(snapshot)
    human = Renderer("human", 1000)
    assert human.render(snapshot) is None
    human.close()


def test_an_unknown_mode_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'human', 'rgb_array', 'ansi'.*got 'hologram'"):
        Renderer("hologram", 8)


@pytest.mark.parametrize("fps", [0, -1, float("nan")])
def test_a_window_needs_a_pace(fps):
    with pytest.raises(ValueError, match="fps must be a positive number, got"):
        Window(fps)


@pytest.mark.parametrize("mode", ["human", "rgb_array"])
def test_without_pygame_the_error_says_what_needs_it_and_how_to_get_it(monkeypatch, mode):
    monkeypatch.setitem(sys.modules, "pygame", None)
    message = rf"render_mode='{mode}' needs pygame.*pip install 'soc-env\[render\]'"
    with pytest.raises(ImportError, match=message):
        Renderer(mode, 8)


def test_text_needs_no_pygame(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", None)
    assert Renderer("ansi", 8).render(make_snapshot()) == render_text(make_snapshot())


def test_drawing_prints_nothing_and_importing_does_not_load_pygame():
    code = (
        "import sys, os; os.environ.pop('PYGAME_HIDE_SUPPORT_PROMPT', None); import soc_env.rendering as r; "
        "assert 'pygame' not in sys.modules; r.FrameRenderer(); assert 'pygame' in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == ""


@pytest.fixture
def window():
    window = Window(fps=1000)
    yield window
    window.close()


def test_the_window_shows_the_frame(frames, window):
    pygame = pytest.importorskip("pygame")
    frame = frames.draw(make_snapshot())
    window.show(frame)
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    np.testing.assert_array_equal(shown, frame)


@pytest.mark.parametrize("how", ["its button", "Escape"])
def test_a_window_that_a_person_closes_stays_closed_and_the_episode_goes_on(frames, window, how):
    pygame = pytest.importorskip("pygame")
    frame = frames.draw(make_snapshot())
    window.show(frame)
    event = {"its button": (pygame.QUIT, {}), "Escape": (pygame.KEYDOWN, {"key": pygame.K_ESCAPE})}[how]
    pygame.event.post(pygame.event.Event(*event))
    window.show(frame)
    assert window.closed
    window.show(frame)
    assert not pygame.display.get_init()


@pytest.fixture
def pair():
    """Two environments whose windows are open."""
    pair = [soc_v0.parallel_env(render_mode="human", hosts_per_segment=6) for _ in range(2)]
    for seed, env in enumerate(pair):
        env.reset(seed=seed)
    yield pair
    for env in pair:
        env.close()


def take_a_step(env):
    before = env.snapshot().step
    observations, *_ = env.step({agent: env.action_space(agent).sample() for agent in env.agents})
    assert len(observations) == 4
    assert env.snapshot().step == before + 1


@pytest.mark.parametrize("closed_first", [0, 1])
def test_one_of_two_windows_outlives_the_other(frames, pair, closed_first):
    pygame = pytest.importorskip("pygame")
    for env in pair:
        take_a_step(env)
    pair.pop(closed_first).close()
    (left,) = pair
    for _ in range(2):
        take_a_step(left)
        shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
        np.testing.assert_array_equal(shown, frames.draw(left.snapshot()))
    left.close()
    assert not pygame.display.get_init()


def test_both_windows_stay_closed_once_a_person_has_closed_them_and_open_again_after_close(pair):
    pygame = pytest.importorskip("pygame")
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    for env in (*pair, *pair):
        take_a_step(env)
    assert not pygame.display.get_init()
    pair[0].close()
    pair[0].reset()
    assert pygame.display.get_surface() is not None
    take_a_step(pair[1])


def test_pictures_outlive_what_other_code_does_to_pygame(frames):
    pygame = pytest.importorskip("pygame")
    before = frames.draw(make_snapshot())
    pygame.quit()
    pygame.font.init()
    frames.draw(make_snapshot(step=38, episode_return=7.77, reward=5.55))
    np.testing.assert_array_equal(frames.draw(make_snapshot()), before)


@pytest.mark.parametrize("end", ["quit", "display.quit"])
def test_a_window_opens_again_where_other_code_has_ended_the_screen(frames, pair, end):
    pygame = pytest.importorskip("pygame")
    {"quit": pygame.quit, "display.quit": pygame.display.quit}[end]()
    take_a_step(pair[0])
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    np.testing.assert_array_equal(shown, frames.draw(pair[0].snapshot()))
    take_a_step(pair[1])


def test_no_step_is_lost_with_the_screen(pair, monkeypatch):
    pygame = pytest.importorskip("pygame")

    def fail(*_):
        raise pygame.error("the screen was unplugged")

    monkeypatch.setattr(pygame.display, "flip", fail)
    with pytest.warns(UserWarning, match="goes on without it: the screen was unplugged"):
        take_a_step(pair[0])
    take_a_step(pair[0])


def test_without_a_screen_the_environment_is_refused_before_anything_moves(monkeypatch):
    pygame = pytest.importorskip("pygame")
    pygame.display.quit()
    monkeypatch.setenv("SDL_VIDEODRIVER", "none-such")
    with pytest.raises(RuntimeError, match=r"render_mode='human' needs a screen: .*not available"):
        soc_v0.parallel_env(render_mode="human")


def test_other_events_do_not_close_the_window(frames, window):
    pygame = pytest.importorskip("pygame")
    window.show(frames.draw(make_snapshot()))
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN, {"key": pygame.K_SPACE}))
    window.show(frames.draw(make_snapshot()))
    assert not window.closed


def test_the_window_keeps_its_pace(frames):
    pygame = pytest.importorskip("pygame")
    window, frame = Window(fps=20), frames.draw(make_snapshot())
    window.show(frame)
    start = pygame.time.get_ticks()
    for _ in range(4):
        window.show(frame)
    window.close()
    assert pygame.time.get_ticks() - start >= 150


def test_closing_twice_does_no_harm():
    renderer = Renderer("human", 1000)
    renderer.render(make_snapshot())
    renderer.close()
    renderer.close()
    assert renderer.render(make_snapshot()) is None
