"""Training runs become weights and a card that say what they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import baselines
from agent_zoo.learning.policy_file import halve_policy_file
from baselines import single_drl
from evaluation import cli, publishing
from evaluation.environments import EnvSpec
from soc_env.policy import load_policy
from tests.refusals import refused

SHORT = (
    *("hidden_sizes=[16]", "num_envs=16", "rollout_steps=16", "minibatch_size=256", "noise_steps=1"),
    *("num_episodes=40", "epochs=1", "env.hosts_per_segment=4", "env.max_steps=20"),
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "single-drl"
    settings = baselines.trainer("single-drl").load_config(None, SHORT)
    for seed in (1, 2):
        single_drl.train(settings, seed=seed, run_dir=folder / str(seed), progress=False)
    return folder


def test_halving_narrows_matrices_alone_and_the_policy_still_loads(runs: Path, tmp_path: Path) -> None:
    policy = runs / "1" / "policy.safetensors"
    halve_policy_file(policy, tmp_path / "halved.safetensors")
    whole, halved = (safetensors.numpy.load_file(path) for path in (policy, tmp_path / "halved.safetensors"))
    assert {name for name, array in halved.items() if array.dtype == np.float16} == {
        name for name, array in whole.items() if array.ndim > 1
    }
    one, other = (load_policy(path).actor for path in (policy, tmp_path / "halved.safetensors"))
    for name, parameter in one.state_dict().items():
        np.testing.assert_allclose(other.state_dict()[name], parameter, rtol=1e-3, atol=1e-6)


def test_weights_that_would_play_otherwise_stay_whole(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(source: Path, path: Path) -> None:
        policy = load_policy(source)
        for parameter in policy.actor.parameters():
            parameter.data.fill_(1.0)
        policy.save(path)

    policy, spec = runs / "1" / "policy.safetensors", EnvSpec("soc_v0")
    for halve, bits in ((halve_policy_file, 16), (spoil, 32)):
        monkeypatch.setattr(publishing, "halve_policy_file", halve)
        path = tmp_path / f"{bits}.safetensors"
        assert publishing.publish_weights(policy, path, 1, spec, 10**9, 50).bits == bits
    assert (tmp_path / "32.safetensors").read_bytes() == policy.read_bytes()


def test_the_command_writes_weights_config_curves_and_a_card(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "about.md").write_text("A team for tests.\n")
    output = tmp_path / "weights"
    cli.main(
        [
            *("publish", str(runs), "--about", str(tmp_path / "about.md")),
            *("--output", str(output), "--episodes", "30"),
        ]
    )
    assert {path.name for path in output.iterdir()} == {
        *("single-drl-1.safetensors", "single-drl-2.safetensors"),
        *("single-drl.md", "single-drl.yaml", "single-drl.png"),
    }
    card = (output / "single-drl.md").read_text()
    for expected in (
        "# Single-DRL\n\nA team for tests.",
        "Training seeds 1, 2",
        "40 episodes",
        "soc-env train single-drl --config single-drl.yaml --seed 1",
        "![Training curves](single-drl.png)",
        "### Held out: mean over seeds, on soc_v0 with hosts_per_segment=4",  # where they were trained
        "### Held out: every training seed, the worst first",
        "less untrained",
        "less Tuned-SOAR",
    ):
        assert expected in card
    assert (output / "single-drl.yaml").read_bytes() == (runs / "1" / "config.yaml").read_bytes()


def test_a_folder_without_runs_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "about.md").write_text("Nothing.\n")
    about, new = str(tmp_path / "about.md"), str(tmp_path / "new")
    said = refused("publish", str(tmp_path), "--about", about, "--output", new)
    assert "a team must be one of" in said
    assert not (tmp_path / "new").exists()


def test_a_run_that_is_not_complete_is_refused_before_anything_is_written(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "about.md").write_text("Nothing.\n")
    shutil.copytree(runs, tmp_path / "runs")
    (tmp_path / "runs" / "2" / "metrics.json").unlink()
    about, new = str(tmp_path / "about.md"), str(tmp_path / "new")
    said = refused("publish", str(tmp_path / "runs"), "--about", about, "--output", new)
    assert f"FOLDER must hold complete runs, {tmp_path / 'runs' / '2'} is not complete" in said
    assert not (tmp_path / "new").exists()
