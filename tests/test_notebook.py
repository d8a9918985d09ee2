"""The notebook runs from top to bottom as a newcomer runs it, with a shorter training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "quick_start.ipynb"
pytestmark = pytest.mark.notebook


def test_it_is_kept_without_outputs():
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


def test_it_runs_and_leaves_a_trained_team_a_table_and_a_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("SOC_ENV_NOTEBOOK_EPISODES", "60")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(shutil.copy(NOTEBOOK, tmp_path), as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()  # raises what a cell raises
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    kinds = {kind for output in shown for kind in output.get("data", {})}
    assert {"image/gif", "image/png", "text/markdown", "text/html"} <= kinds
    assert not [
        output for output in shown if output["output_type"] == "stream" and output["name"] == "stderr"
    ]
    assert (tmp_path / "runs" / "soc_v0" / "notebook" / "policy.safetensors").exists()
    table = (tmp_path / "table" / "table.md").read_text()
    for team in ("Rule-SOAR", "Tuned-SOAR", "Zero+enrich", "Single-DRL", "untrained"):
        assert team in table
    assert (tmp_path / "replay.html").stat().st_size > 10_000
