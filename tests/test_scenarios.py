"""Scenarios by name."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import pytest

from soc_env import scenarios, soc_v0
from soc_env.scenarios import find_scenario, known_scenarios


def test_own_scenarios_are_found():
    assert "soc_v0" in known_scenarios()
    assert find_scenario("soc_v0") is soc_v0


def test_other_packages_scenarios_are_found(monkeypatch: pytest.MonkeyPatch):
    entry = EntryPoint("mine_v3", "soc_env.soc_v0", scenarios.ENTRY_POINT_GROUP)
    monkeypatch.setattr(scenarios, "entry_points", lambda group: [entry] if group == entry.group else [])
    assert "mine_v3" in known_scenarios()
    assert find_scenario("mine_v3") is sys.modules["soc_env.soc_v0"]


def test_an_unknown_one_is_refused():
    with pytest.raises(ValueError, match=r"env must be one of .*soc_v0.*; got 'soc_v9'"):
        find_scenario("soc_v9")
