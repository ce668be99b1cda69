"""Whole-or-nothing writing, content digests, and where caches live."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import platformdirs


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary sibling of `path` that takes its place only if the block succeeds.

    The sibling keeps the file's name and suffixes (writers choose formats by them) inside a hidden
    temporary folder. A folder may be written instead of a file; it replaces an existing folder.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=target.parent) as folder:
        draft = Path(folder) / target.name
        yield draft
        if draft.is_dir() and target.is_dir():
            shutil.rmtree(target)
        os.replace(draft, target)


def digest(path: str | os.PathLike[str]) -> str:
    """Return the sha256 (hex) of a file's content; remembered until its size or time changes."""
    stat = os.stat(path)
    return _digest(os.fspath(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest(path: str, size: int, mtime_ns: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_dir() -> Path:
    """Return the folder for things that can be made again: ``$SEQ2EXP_CACHE`` or the user's cache.

    The folder exists after the call.
    """
    folder = Path(os.environ.get("SEQ2EXP_CACHE") or platformdirs.user_cache_dir("seq2exp"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
