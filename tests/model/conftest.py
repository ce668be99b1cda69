"""Fixtures of the model's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from seq2exp.model import scan
from seq2exp.model.scan import cpu, fused, fused_gradient


@pytest.fixture
def anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache and a package that has not looked for a compiler yet."""
    monkeypatch.setenv("SEQ2EXP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)

    def forget() -> None:
        for library in (fused.LIBRARY, fused_gradient.LIBRARY, cpu.LIBRARY):
            library.forget()
        scan._resolve.cache_clear()
        scan._resolve_layer.cache_clear()

    forget()
    yield tmp_path / "cache"
    forget()
