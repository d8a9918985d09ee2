"""Finding, saving and loading team policies."""

from __future__ import annotations

import json

import pytest

import baselines
from soc_env.policy import TeamPolicy, load_policy, registered_policies


@pytest.mark.parametrize("name", ["random", "zero-enrich", "rule-soar", "tuned-soar"])
def test_scripted_teams_are_found_by_their_registered_names(name):
    policy = load_policy(name)
    assert isinstance(policy, TeamPolicy)
    assert type(policy) is type(baselines.load(name))
    assert name in registered_policies()


def test_a_policy_is_found_by_its_class():
    assert type(load_policy("baselines.scripted:RuleSOAR")) is type(baselines.load("rule-soar"))


def test_a_saved_policy_is_found_by_its_path(tmp_path):
    baselines.load("tuned-soar").save(tmp_path / "team.json")
    assert type(load_policy(tmp_path / "team.json")) is type(baselines.load("tuned-soar"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "policy must be a file, .* or one of .*rule-soar.*; got 'nobody'"),
        ("baselines.scripted:Nobody", "module baselines.scripted has no 'Nobody'"),
        ("baselines.scripted:", "must name a class as 'package.module:Class'"),
        ("json:JSONDecoder", "is no team policy: JSONDecoder lacks .*'act'"),
    ],
)
def test_what_is_no_policy_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        load_policy(name)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 40, b"[1, 2]", json.dumps({"class": 3}).encode()])
def test_a_file_that_is_no_policy_is_refused(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="polic"):
        load_policy(path)
