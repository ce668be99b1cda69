"""Whole-or-nothing writing, content digests, and where caches and kept files live."""

import hashlib
import os
import shutil
import stat
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
    temporary folder. A folder may be written instead of a file; it replaces an existing folder. A
    link stays a link, to the new content; a device or pipe is written to.
    """
    name = Path(path).name
    if special(path):
        with tempfile.TemporaryDirectory() as folder:
            draft = Path(folder) / name
            yield draft
            with open(draft, "rb") as written, open(path, "wb") as device:
                shutil.copyfileobj(written, device)
        return
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=target.parent) as folder:
        draft = Path(folder) / name
        yield draft
        if draft.is_dir() and target.is_dir():
            shutil.rmtree(target)
        os.replace(draft, target)


def special(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is there and neither a file nor a folder: a device, say, or a pipe."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def digest(path: str | os.PathLike[str]) -> str:
    """Return the sha256 (hex) of a file's content; remembered until its size or time changes."""
    status = os.stat(path)
    return _digest(os.fspath(path), status.st_size, status.st_mtime_ns)


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


def data_dir() -> Path:
    """Return the folder for what users gave the app to keep: ``$SEQ2EXP_DATA`` or the user's data.

    The folder exists after the call.
    """
    folder = Path(os.environ.get("SEQ2EXP_DATA") or platformdirs.user_data_dir("seq2exp"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def process_lock(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a lock file while other processes and threads wait; without locks (Windows) none do."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
