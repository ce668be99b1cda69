"""The rules that keep the parts apart, checked on the code as it stands."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "seq2exp").rglob("*.py"))
LONGEST = 600


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def imported(path: Path) -> set[str]:
    """Top-level packages that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def test_imports_point_one_way():
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "KEPT" in done.stdout


def test_streamlit_stays_in_the_pages():
    assert [str(path) for path in MODULES if "streamlit" in imported(path)] == []


def test_pages_hold_no_model_code():
    pages = [ROOT / "app.py", *(ROOT / "pages").rglob("*.py")]
    heavy = {"torch", "lightning", "pyBigWig", "hictkpy", "MACS3"}
    assert [str(path) for path in pages if path.exists() and heavy & imported(path)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_are_documented_and_of_a_readable_length(path):
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "says nothing of what it is for"
    assert len(text.splitlines()) <= LONGEST


def test_style():
    run("ruff", "check", ".")


def test_types():
    run("mypy")


def test_help_does_not_load_the_network():
    """What everybody waits for must not import torch."""
    code = (
        "import sys; from seq2exp.cli import app; app(['--help'], standalone_mode=False); "
        "assert not {'torch', 'lightning', 'streamlit'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
