"""Compiled kernels: built from C++ at first use, kept in the cache folder, loaded by ctypes.

A kernel is one C++ source beside this module, compiled for this very processor by the C++ compiler
that is found (``$CXX``, else ``c++``, ``g++``, ``clang++``) and kept under a name made of the
digest of the sources, the compiler's version and the processor's features. Where it cannot be
built, one logged line says why, and the caller takes another implementation.
"""

import ctypes
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from seq2exp import files

logger = logging.getLogger(__name__)

_FLAGS = ["-std=c++17", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-shared", "-fPIC"]
# The first that compiles is taken: everything this processor has, or what any of its kind has.
_TARGETS = [["-march=native"], ["-mcpu=native"], []]

T = TypeVar("T")


class _BuildError(Exception):
    """Why there is no kernel, in one sentence."""


class Library(Generic[T]):
    """A kernel that is built and loaded when it is first asked for, once in a process.

    Parameters
    ----------
    source
        The C++ file.
    name
        What it is, for the log and, before its first space, for the file's name.
    bind
        Makes of the loaded library what `get` returns; AttributeError where a function is missing.
    headers
        Folder whose headers (``*.h``) count as part of it; None: the source's own.
    """

    def __init__(
        self,
        source: Path,
        name: str,
        bind: Callable[[ctypes.CDLL], T],
        headers: Path | None = None,
    ) -> None:
        self._source, self._name, self._bind = source, name, bind
        self._headers = source.parent if headers is None else headers
        self._lock = threading.Lock()
        self._found: T | None = None
        self._reason: str | None = None

    def reason(self) -> str | None:
        """Return why the kernel cannot run here, or None: it can. The first call builds it."""
        with self._lock:  # so that threads that arrive together build once
            if self._found is None and self._reason is None:
                try:
                    path = _build(self._source, self._headers, self._name)
                    self._found = self._bind(ctypes.CDLL(str(path)))
                except (_BuildError, OSError, AttributeError) as error:
                    self._reason = str(error)
                    logger.warning(
                        "no CPU %s kernel, another implementation is used: %s", self._name, error
                    )
            return self._reason

    def get(self) -> T:
        """Return what `bind` made.

        Raises
        ------
        RuntimeError
            The kernel cannot run here.
        """
        reason = self.reason()
        if reason is not None or self._found is None:
            raise RuntimeError(f"the CPU {self._name} kernel is not available: {reason}")
        return self._found

    def forget(self) -> None:
        """Look for it again at the next call."""
        with self._lock:
            self._found = self._reason = None


def _compiler() -> list[str]:
    """Return the compiler's command, from ``$CXX`` or the usual names."""
    if chosen := os.environ.get("CXX"):
        try:
            command = shlex.split(chosen)
        except ValueError as error:
            raise _BuildError(f"$CXX is {chosen!r}, which is no command ({error})") from error
        if not command or shutil.which(command[0]) is None:
            raise _BuildError(f"$CXX names {chosen!r}, which is not on the PATH")
        return command
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return [name]
    raise _BuildError("no C++ compiler (c++, g++ or clang++) is on the PATH")


def _run(command: list[str]) -> str:
    """Return what a command prints; raise _BuildError with its last line where it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=300, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _BuildError(f"{command[0]} could not be run ({error})") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        why = next((line for line in said if "error" in line), said[-1])
        raise _BuildError(f"{command[0]} failed: {why.strip()}")
    return done.stdout


def _processor() -> str:
    """Return what names this processor's features: what ``-march=native`` stands for here."""
    lines = [platform.machine(), platform.processor()]
    try:
        text = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        pass
    else:
        wanted = ("flags", "Features", "model name", "CPU part")
        lines += sorted({line for line in text.splitlines() if line.startswith(wanted)})
    return "\n".join(lines)


def _build(source: Path, headers: Path, name: str) -> Path:
    """Return the compiled kernel's path, compiling it if it is not in the cache.

    It is written whole or not at all, so two processes may build it at once.
    """
    compiler = _compiler()
    version = _run([*compiler, "--version"])
    sources = [source, *sorted(headers.glob("*.h"))]
    key = "\n".join(
        [*(path.read_text() for path in sources), version, _processor(), *_FLAGS, str(_TARGETS)]
    )
    digest = hashlib.sha256(key.encode()).hexdigest()[:20]
    library = files.cache_dir() / "kernels" / f"{name.split()[0]}-{digest}.so"
    # Loading a damaged library may end the process, so what was built says what it must contain.
    seal = library.with_suffix(".sha256")
    if library.exists() and seal.exists() and seal.read_text() == files.digest(library):
        return library
    failures = []
    for target in _TARGETS:
        try:
            with files.atomic_path(library) as draft:
                command = [*compiler, *_FLAGS, *target, "-pthread", f"-I{headers}"]
                command += [str(source), "-o", str(draft)]
                _run(command)
        except _BuildError as error:
            failures.append(error)
        else:
            with files.atomic_path(seal) as draft:
                draft.write_text(files.digest(library))
            logger.info("built the CPU %s kernel: %s", name, shlex.join(command[:-2]))
            return library
    raise failures[0]
