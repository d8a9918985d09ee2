"""What importing costs and what may be missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from soc_env.extras import require


def test_importing_the_environment_imports_neither_torch_nor_any_extra():
    code = (
        "import sys; from soc_env import soc_v0; soc_v0.vector_env(1).reset(); import baselines; "
        "extras = ('torch', 'pygame', 'rich', 'tyro', 'matplotlib', 'supersuit'); "
        "print([name for name in extras if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_environment_knows_nothing_of_the_packages_that_use_it():
    code = (
        "import sys, soc_env.policy, soc_env.wrappers, soc_env.rendering; "
        "print([name for name in ('agent_zoo', 'baselines', 'evaluation') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_missing_extra_is_named_with_the_command_that_installs_it():
    with pytest.raises(ImportError, match=r"Drawing needs no_such_thing.*pip install 'soc-env\[render\]'"):
        require("no_such_thing", extra="render", purpose="Drawing")


def test_an_error_inside_an_installed_extra_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "broken_extra.py").write_text("import something_that_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="something_that_is_missing"):
        require("broken_extra", extra="render", purpose="Drawing")
