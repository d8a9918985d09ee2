"""The package installs and runs in an empty environment, outside its source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.install


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "NUMBA_CACHE_DIR")
    }
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "build", "--outdir", out, ROOT, cwd=out)
    assert built.returncode == 0, built.stderr
    (path,) = out.glob("*.whl")
    return path


def empty_environment(path: Path, *requirements: str | Path) -> Path:
    """A fresh virtual environment with the requirements; returns its bin folder."""
    venv.create(path, with_pip=True)
    installed = run(
        path / "bin" / "pip", "install", "-q", "-c", ROOT / "constraints.txt", *requirements, cwd=path
    )
    assert installed.returncode == 0, installed.stderr
    return path / "bin"


def test_the_wheel_brings_the_trained_weights(wheel: Path):
    trained = {str(path.relative_to(ROOT)) for path in ROOT.glob("*/weights/*/*.safetensors")}
    assert "agent_zoo/weights/soc_v0/hmarl-soc-42.safetensors" in trained
    assert trained <= set(zipfile.ZipFile(wheel).namelist())


@pytest.fixture(scope="module")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty_environment(tmp_path_factory.mktemp("core"), wheel)


def test_the_core_brings_no_torch(core: Path):
    packages = run(core / "pip", "list", "--format", "freeze", cwd=core).stdout.lower()
    assert "soc-env==" in packages.replace("_", "-")
    for name in ("torch", "pygame", "tensorboard", "rich"):
        assert f"\n{name}==" not in packages


def test_the_environment_plays_outside_the_source_tree(core: Path):
    code = (
        "from soc_env import soc_v0; import soc_env\n"
        "env = soc_v0.parallel_env(render_mode='ansi'); env.reset(seed=1)\n"
        "while env.agents: env.step({a: env.action_space(a).sample() for a in env.agents})\n"
        "print(soc_env.__file__); print(env.render())"
    )
    played = run(core / "python", "-c", code, cwd=core)
    assert played.returncode == 0, played.stderr
    assert "site-packages" in played.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("code", "extra"),
    [
        ("import agent_zoo.learning", "zoo"),
        ("import baselines; baselines.load('single-drl', seed=42)", "zoo"),
        ("from soc_env import soc_v0; soc_v0.parallel_env(render_mode='rgb_array')", "render"),
    ],
)
def test_what_needs_an_extra_says_which(core: Path, code: str, extra: str):
    result = run(core / "python", "-c", code, cwd=core)
    assert result.returncode != 0
    assert f"pip install 'soc-env[{extra}]'" in result.stderr.splitlines()[-1]


def test_the_command_without_its_extra_says_what_to_install(core: Path):
    result = run(core / "soc-env", "evaluate", "rule-soar", cwd=core)
    assert result.returncode == 2
    assert "pip install 'soc-env[evaluation]'" in result.stderr + result.stdout
    assert "Traceback" not in result.stderr


def test_scripted_teams_are_evaluated_without_torch(wheel: Path, tmp_path: Path):
    bin_folder = empty_environment(tmp_path / "venv", f"{wheel}[evaluation]")
    assert "torch" not in run(bin_folder / "pip", "list", cwd=tmp_path).stdout
    command = ("evaluate", "rule-soar", "tuned-soar", "--episodes", "20", "--output", "out")
    result = run(bin_folder / "soc-env", *command, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Tuned-SOAR" in (tmp_path / "out" / "table.md").read_text()


def test_a_source_tree_installs_as_the_wheel_does(tmp_path: Path):
    bin_folder = empty_environment(tmp_path / "venv", ROOT)
    result = run(
        bin_folder / "python", "-c", "from soc_env import soc_v0; print(soc_v0.parallel_env())", cwd=tmp_path
    )
    assert result.stdout.strip() == "soc_v0", result.stderr
