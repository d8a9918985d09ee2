"""Files are UTF-8, whatever the locale says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

CODE = """
import locale, sys
assert locale.getencoding().lower() not in ("utf-8", "utf8"), locale.getencoding()
from pathlib import Path
from agent_zoo.learning import checkpoint, config, episode_log, run_directory
from baselines.scripted import TunedSOAR
from soc_env.policy import load_policy

folder = Path(sys.argv[1])
assert config.read_yaml(folder / "config.yaml") == {"name": "\\xfc"}
kept = checkpoint.save_checkpoint(folder / "checkpoints", 1, {}, {"name": "\\xfc"})
assert '"\\xfc"'.encode() in (kept / "rest.json").read_bytes()
assert checkpoint.load_checkpoint(kept).rest == {"name": "\\xfc"}
assert list(episode_log.read_episodes(folder / "episodes.csv")[0].values()) == [1.0]
TunedSOAR().save(folder / "team.json")
load_policy(folder / "team.json")
"""


def test_what_is_read_is_utf_8_in_another_locale(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes("name: \u00fc\n".encode())
    (tmp_path / "episodes.csv").write_bytes("\u00fc\n1\n".encode())
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "LC_ALL": "C"}
    environment |= {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, tmp_path], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
