"""Calling peaks on reads with ``macs3 callpeak``.

It runs as a process of its own, so it can be stopped and its log says how far it is; what it writes
is read as it stands, so its peaks are those of the command line.
"""

import math
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Literal

import pandas as pd

from seq2exp.errors import InputError
from seq2exp.tracks.narrowpeak import read_narrowpeak
from seq2exp.tracks.reads import check_reads

Progress = Callable[[float, str], object]
"""Told how far the work is (0 to 1) and what it does; may raise to stop it."""


class Stopped(Exception):
    """Raised where `should_stop` asked the peak caller to stop."""


@dataclass(frozen=True)
class PeakParameters:
    """What can be turned when peaks are called.

    The defaults are those of a DNase experiment: each read is a cut, its 5' end is smoothed over
    150 bp (``--nomodel --shift -75 --extsize 150``), and reads at the same base are all kept, since
    cuts do pile up.

    Attributes
    ----------
    q
        Largest q-value of a peak (callpeak, imported peaks).
    cutoff
        Smallest signal of a peak, in the signal's own unit (bdgpeakcall); None: one suggested
        from the signal.
    shift, extsize
        Where a read's smoothing window starts relative to its 5' end, and its width, in bp.
    keep_dup
        Reads kept at one place and strand: ``"all"``, ``"auto"`` or a number.
    min_length, max_gap
        Shortest peak and longest gap within one, in bp; None: `extsize` and the read length
        (callpeak), `extsize` and 50 (bdgpeakcall).
    call_summits
        Whether callpeak splits a peak with several summits into several rows.
    """

    q: float = 0.05
    cutoff: float | None = None
    shift: int = -75
    extsize: int = 150
    keep_dup: Literal["all", "auto"] | int = "all"
    min_length: int | None = None
    max_gap: int | None = None
    call_summits: bool = False

    def __post_init__(self) -> None:
        """Refuse what MACS3 cannot use."""
        if not 0 < self.q <= 1:
            raise InputError(f"The q-value {self.q} is not possible; give one above 0 up to 1.")
        if self.cutoff is not None and not 0 < self.cutoff < math.inf:
            raise InputError(f"The cutoff {self.cutoff} is not possible; give one above 0.")
        if self.extsize < 1:
            raise InputError(f"The extension size {self.extsize} is not possible; give 1 or more.")


@lru_cache(maxsize=1)
def macs3_version() -> str:
    """Return the version of the installed MACS3."""
    return metadata.version("macs3")


@lru_cache(maxsize=1)
def macs3_command() -> tuple[str, ...]:
    """Return the command that runs the MACS3 of this Python, whatever is on the PATH."""
    for file in metadata.distribution("macs3").files or []:
        if file.name == "macs3" and file.parent.name in ("bin", "Scripts"):
            script = Path(str(file.locate())).resolve()
            if script.is_file():
                return (sys.executable, str(script))
    found = shutil.which("macs3")
    if found is None:
        raise InputError("MACS3 is not installed; run pip install macs3.")
    return (found,)


# What MACS3 logs at the start of each step, and how far it is then, roughly by time.
_STEPS = (
    ("1 read treatment", 0.05),
    ("1 tag size", 0.2),
    ("3 Call peaks...", 0.25),
    ("3 Pre-compute", 0.3),
    ("3 Call peaks for each", 0.8),
    ("4 Write output", 0.95),
    ("Done", 1.0),
)
_LOG = re.compile(r"\w+\s+@ .*?: \[\d+ MB\] ?(.*)")


def call_peaks(
    reads: str | os.PathLike[str],
    genome_size: int,
    parameters: PeakParameters | None = None,
    control: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Call peaks on reads with ``macs3 callpeak``.

    Parameters
    ----------
    reads
        BED or tagAlign (plain or .gz), or BAM; single reads, strand in column 6.
    genome_size
        Mappable bases of the genome, in bp.
    parameters
        See `PeakParameters`.
    control
        Reads of a control experiment, in the same format.
    progress, should_stop
        Called about five times a second; MACS3 is ended when `progress` raises or `should_stop`
        returns True.

    Returns
    -------
    pandas.DataFrame
        Peaks as in `seq2exp.tracks.narrowpeak.COLUMNS`.

    Raises
    ------
    InputError
        Where the reads cannot be used, with MACS3's own last message.
    Stopped
        Where `should_stop` said so.
    """
    chosen = parameters or PeakParameters()
    kind = check_reads(reads)
    arguments = ["-t", os.fspath(reads), "-f", kind, "-g", str(genome_size), "-q", str(chosen.q)]
    if control is not None:
        if check_reads(control) != kind:
            raise InputError(f"{control} and {reads} have different formats; give two of one kind.")
        arguments += ["-c", os.fspath(control)]
    arguments += ["--nomodel", "--shift", str(chosen.shift), "--extsize", str(chosen.extsize)]
    arguments += ["--keep-dup", str(chosen.keep_dup)]
    if chosen.min_length is not None:
        arguments += ["--min-length", str(chosen.min_length)]
    if chosen.max_gap is not None:
        arguments += ["--max-gap", str(chosen.max_gap)]
    if chosen.call_summits:
        arguments.append("--call-summits")
    with tempfile.TemporaryDirectory(prefix="seq2exp-macs3-") as folder:
        arguments += ["-n", "macs3", "--outdir", folder, "--tempdir", folder]
        failure = _run(["callpeak", *arguments], progress, should_stop)
        result = Path(folder) / "macs3_peaks.narrowPeak"
        if failure is not None or not result.is_file():
            raise InputError(
                f"MACS3 could not call peaks on {reads}; check that it holds {kind} reads. "
                f"It said: {failure or 'nothing, and wrote no peaks'}"
            )
        return read_narrowpeak(result)


def _run(
    arguments: list[str], progress: Progress | None, should_stop: Callable[[], bool] | None
) -> str | None:
    """Run MACS3 and return None, or its last message where it failed."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    said, fraction, started = "starting", 0.0, time.monotonic()
    with _process([*macs3_command(), *arguments], lines) as process:
        while True:
            try:
                line = lines.get(timeout=0.2)
            except queue.Empty:
                line = ""
            if line is None:
                break
            match = _LOG.match(line)
            text = (match[1] if match else line).strip(" #\n")
            said = text or said
            fraction = max([fraction, *(f for mark, f in _STEPS if mark in text)])
            if should_stop is not None and should_stop():
                raise Stopped
            if progress is not None:
                # Minutes can pass between two lines of the log; the seconds show that it lives.
                progress(fraction, f"MACS3: {said} ({time.monotonic() - started:.0f} s)")
        return said if process.wait() else None


@contextmanager
def _process(
    command: list[str], lines: "queue.SimpleQueue[str | None]"
) -> Iterator[subprocess.Popen[str]]:
    """Start a process whose stderr arrives in `lines` (None at its end), and leave none behind."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )

    def read() -> None:
        assert process.stderr is not None
        with process.stderr as stream:
            for line in stream:
                lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read, name="macs3-log", daemon=True)
    reader.start()
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reader.join()
