"""Scenarios by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from soc_env import scenarios, soc_v0
from soc_env.scenarios import find_scenario, known_scenarios


def test_own_scenarios_are_found():
    assert "soc_v0" in known_scenarios()
    assert find_scenario("soc_v0") is soc_v0.SocV0


class Mine(soc_v0.SocV0):
    env_id = "mine_v3"
    presets = {"quiet": {"benign_alert_probability": 0.0, "max_steps": 50}}


def register(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    entry = EntryPoint(name, value, scenarios.ENTRY_POINT_GROUP)
    monkeypatch.setattr(scenarios, "entry_points", lambda group: [entry] if group == entry.group else [])


def test_other_packages_scenarios_are_found(monkeypatch: pytest.MonkeyPatch):
    register(monkeypatch, "mine_v3", f"{__name__}:Mine")
    assert "mine_v3" in known_scenarios()
    assert find_scenario("mine_v3") is Mine


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mine_v3", "soc_env.soc_v0", "must be a subclass of soc_env.contract.Scenario, got soc_env.soc_v0"),
        ("mine_v4", f"{__name__}:Mine", "must have that as its env_id, got 'mine_v3'"),
    ],
)
def test_what_is_no_scenario_of_that_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
):
    register(monkeypatch, name, value)
    with pytest.raises(ValueError, match=message):
        find_scenario(name)


def test_a_preset_is_a_name_for_settings_which_others_override():
    assert Mine.configured(preset="quiet").config == Mine.config_class(
        benign_alert_probability=0.0, max_steps=50
    )
    quiet = Mine.configured(preset="quiet", max_steps=60).config
    assert (quiet.benign_alert_probability, quiet.max_steps) == (0.0, 60)


def test_an_unknown_preset_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"mine_v3: preset must be one of quiet; got 'loud'"):
        Mine.configured(preset="loud")
    with pytest.raises(ValueError, match=r"soc_v0: preset must be one of none, .* no presets; got 'x'"):
        soc_v0.parallel_env(preset="x")


def test_an_unknown_one_is_refused():
    with pytest.raises(ValueError, match=r"env must be one of .*soc_v0.*; got 'soc_v9'"):
        find_scenario("soc_v9")
