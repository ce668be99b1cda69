"""The peaks of one cell type, wherever they come from, called once and kept.

An imported narrowPeak is taken where the data set has one (somebody chose it), else MACS3 calls
peaks on the reads, else on the signal.
"""

import json
import math
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Literal, Protocol

import pandas as pd

from seq2exp import files
from seq2exp.errors import InputError
from seq2exp.genome.locus import resolve_chrom
from seq2exp.tracks.bdgpeakcall import call_peaks_from_signal, suggested_cutoff
from seq2exp.tracks.macs3 import PeakParameters, Progress, Stopped, call_peaks, macs3_version
from seq2exp.tracks.narrowpeak import format_narrowpeak, parse_narrowpeak, place, read_narrowpeak
from seq2exp.tracks.reads import count_bases
from seq2exp.tracks.sequence import Genome
from seq2exp.tracks.signal import Signal

__all__ = [
    "PeakCaller",
    "PeakParameters",
    "Stopped",
    "call_peaks",
    "call_peaks_from_signal",
    "count_bases",
    "format_narrowpeak",
    "parse_narrowpeak",
    "read_narrowpeak",
    "suggested_cutoff",
]

Source = Literal["imported", "reads", "signal"]

# Goes up when the way of calling changes in a way that the parameters do not show.
_CACHE_FORMAT = 1

_locks: dict[str, threading.Lock] = {}
_locks_guard = threading.Lock()


class CellFiles(Protocol):
    """What is known of a cell type; `seq2exp.datasets.catalog.Cell` is one."""

    @property
    def dnase(self) -> Signal:
        """DNase signal."""

    @property
    def reads(self) -> Path | None:
        """DNase reads."""

    @property
    def peaks_path(self) -> Path | None:
        """Peaks already called."""


class PeakCaller:
    """The peaks of one cell type.

    Parameters
    ----------
    imported
        A narrowPeak file.
    reads, control
        DNase reads for ``macs3 callpeak`` (BED, tagAlign, BAM), and perhaps a control experiment.
    signal
        DNase bigWig for ``bdgpeakcall``.
    genome
        The data set's genome: peaks are put on its chromosomes, and reads map to its bases.
    genome_size
        Mappable bases; None: the A, C, G and T of the genome.
    assay
        What was measured, for the screen.
    use
        Which source to use; None: the first there is of imported, reads, signal.
    cache
        Folder for called peaks; None: ``peaks`` in the cache folder.

    Raises
    ------
    InputError
        Where there is no source, or not the one asked for.
    """

    def __init__(
        self,
        *,
        genome: Genome,
        imported: str | os.PathLike[str] | None = None,
        reads: str | os.PathLike[str] | None = None,
        control: str | os.PathLike[str] | None = None,
        signal: Signal | None = None,
        genome_size: int | None = None,
        assay: str = "DNase",
        use: Source | None = None,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        given = {"imported": imported, "reads": reads, "signal": signal}
        self.sources: tuple[str, ...] = tuple(k for k, value in given.items() if value is not None)
        if not self.sources or (use is not None and use not in self.sources):
            raise InputError(
                f"There are no peaks from {use or 'anything'}; name a narrowPeak, reads or a "
                "DNase bigWig for the cell type in the data set's file."
            )
        self.kind: str = use or self.sources[0]
        self._imported, self._reads, self._control, self._signal = imported, reads, control, signal
        self._genome, self._genome_size, self._assay = genome, genome_size, assay
        self._cache = Path(cache) if cache is not None else files.cache_dir() / "peaks"
        self._kept: dict[str, pd.DataFrame] = {}

    @classmethod
    def for_cell(cls, cell: CellFiles, genome: Genome, use: Source | None = None) -> "PeakCaller":
        """Return the caller for a cell type of a data set."""
        return cls(
            genome=genome,
            imported=cell.peaks_path,
            reads=cell.reads,
            signal=cell.dnase,
            use=use,
        )

    @property
    def knob(self) -> Literal["q", "cutoff"]:
        """Which parameter decides on the peaks: the q-value, or the signal's cutoff."""
        return "cutoff" if self.kind == "signal" else "q"

    @property
    def source(self) -> str:
        """Where the peaks come from, with the default parameters, for the screen."""
        return self.describe(PeakParameters())

    def describe(self, parameters: PeakParameters) -> str:
        """Say where the peaks come from with these parameters, for the screen."""
        if self.kind == "reads":
            against = " against a control" if self._control is not None else ""
            return f"MACS3 callpeak on {self._assay} reads{against}, q ≤ {parameters.q:g}"
        if self.kind == "signal":
            automatic = " (mean + s.d.)" if parameters.cutoff is None else ""
            cutoff = self.cutoff(parameters)
            return f"MACS3 bdgpeakcall on the {self._assay} signal, cutoff {cutoff:g}{automatic}"
        peaks = self._read_imported()
        tool = re.search(r"macs\d?", " ".join(peaks["name"].head(3)), re.IGNORECASE)
        limit = f", q ≤ {parameters.q:g}"
        if not (peaks["q_log10"] >= 0).any():
            limit = " (without q-values)"
        return f"imported {tool[0].upper() + ' ' if tool else ''}narrowPeak{limit}"

    def cutoff(self, parameters: PeakParameters) -> float:
        """Return the cutoff on the signal: the one asked for, or a suggested one."""
        if parameters.cutoff is not None:
            return parameters.cutoff
        return self._suggested

    @cached_property
    def _suggested(self) -> float:
        if self._signal is None:
            raise ValueError("a cutoff needs a signal")
        return suggested_cutoff(self._signal)

    def cached(self, parameters: PeakParameters | None = None) -> pd.DataFrame | None:
        """Return the peaks if no work is needed for them, else None.

        Imported peaks never need any.
        """
        chosen = parameters or PeakParameters()
        if self.kind == "imported":
            peaks = self._read_imported()
            enough = (peaks["q_log10"] < 0) | (peaks["q_log10"] >= -math.log10(chosen.q))
            return peaks[enough].reset_index(drop=True)
        path = self._path(chosen)
        if path.name not in self._kept:
            try:
                text = path.read_text(encoding="utf-8")
            except FileNotFoundError:
                return None
            self._keep(path.name, self._place(parse_narrowpeak(text, os.fspath(path))))
        return self._kept[path.name].copy(deep=False)

    def peaks(
        self,
        parameters: PeakParameters | None = None,
        progress: Progress | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> pd.DataFrame:
        """Return the peaks, calling them if nobody has yet.

        Of several threads that ask for the same peaks one works and the others wait for it. Of
        several processes each may work; they write the same file, whole, and the last one stays.

        Parameters
        ----------
        parameters
            See `PeakParameters`.
        progress
            ``progress(fraction, text)``; the work ends when it raises.
        should_stop
            The work ends with `Stopped` when it returns True.

        Returns
        -------
        pandas.DataFrame
            The columns `seq2exp.tracks.narrowpeak.COLUMNS`, on the genome's chromosomes. An
            imported peak whose q-value is not assigned is kept at any q.

        Raises
        ------
        InputError
            Where the files cannot be used or lie on another genome.
        Stopped
            Where `should_stop` said so.
        """
        chosen = parameters or PeakParameters()
        found = self.cached(chosen)
        if found is not None:
            return found
        path = self._path(chosen)
        with _one_at_a_time(os.fspath(path), progress, should_stop):
            found = self.cached(chosen)
            if found is not None:
                return found
            if self.kind == "reads":
                assert self._reads is not None
                called = call_peaks(
                    self._reads, self.genome_size, chosen, self._control, progress, should_stop
                )
            else:
                assert self._signal is not None
                called = call_peaks_from_signal(self._signal, chosen, progress, should_stop)
            # Read back what is written, so that the first answer is the one of every later day.
            text = self._header(chosen) + format_narrowpeak(called, clip=False)
            placed = self._place(parse_narrowpeak(text))
            with files.atomic_path(path) as draft:
                draft.write_text(text, encoding="utf-8")
            self._keep(path.name, placed)
            return placed.copy(deep=False)

    @property
    def genome_size(self) -> int:
        """Mappable bases, in bp."""
        if self._genome_size is None:
            self._genome_size = count_bases(self._genome.path)
        return self._genome_size

    def _inputs(self, parameters: PeakParameters) -> dict[str, object]:
        """Return all that the called peaks depend on."""
        settings = asdict(parameters)
        if self.kind == "signal":
            assert self._signal is not None
            kept = {key: settings[key] for key in ("extsize", "min_length", "max_gap")}
            kept["cutoff"] = self.cutoff(parameters)
            return {"tool": "bdgpeakcall", "signal": files.digest(self._signal.path), **kept}
        assert self._reads is not None
        del settings["cutoff"]
        try:
            reads = files.digest(self._reads)
            control = files.digest(self._control) if self._control is not None else None
        except OSError as error:
            raise InputError(
                f"{error.filename} cannot be read ({error.strerror}); give a file of reads."
            ) from None
        inputs = {"reads": reads, "control": control, "genome_size": self.genome_size}
        return {"tool": "callpeak", **inputs, **settings}

    def _path(self, parameters: PeakParameters) -> Path:
        inputs = {**self._inputs(parameters), "macs3": macs3_version(), "format": _CACHE_FORMAT}
        key = sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]
        return self._cache / f"{key}.narrowPeak"

    def _header(self, parameters: PeakParameters) -> str:
        return f"# {json.dumps({**self._inputs(parameters), 'macs3': macs3_version()})}\n"

    def _keep(self, key: str, peaks: pd.DataFrame) -> None:
        while len(self._kept) >= 4:
            self._kept.pop(next(iter(self._kept)), None)
        self._kept[key] = peaks

    def _read_imported(self) -> pd.DataFrame:
        assert self._imported is not None
        if "imported" not in self._kept:
            self._kept["imported"] = self._place(read_narrowpeak(self._imported))
        return self._kept["imported"]

    def _place(self, peaks: pd.DataFrame) -> pd.DataFrame:
        """Put peaks on the genome's chromosomes; refuse those of another genome."""
        origin = {"imported": self._imported, "reads": self._reads}.get(self.kind)
        origin = origin or (self._signal.path if self._signal is not None else "")
        lengths = self._genome.lengths
        found = {chrom: resolve_chrom(chrom, lengths) for chrom in peaks["chrom"].unique()}
        names = {chrom: name for chrom, name in found.items() if name is not None}
        if len(peaks) and not names:
            raise InputError(
                f"{origin} has no chromosome of {self._genome.path} (it has "
                f"{', '.join(list(found)[:3])}); give files of one genome assembly."
            )
        for chrom, name in names.items():
            last = int(peaks.loc[peaks["chrom"] == chrom, "start"].max())
            if last >= lengths[name]:
                raise InputError(
                    f"{origin} has a peak at {chrom}:{last + 1:,}, beyond the {lengths[name]:,} bp "
                    f"of {self._genome.path}; give files of one genome assembly."
                )
        return place(peaks, lengths, names)


@contextmanager
def _one_at_a_time(
    key: str, progress: Progress | None, should_stop: Callable[[], bool] | None
) -> Iterator[None]:
    """Let one thread of this process work on `key`, the others waiting stoppably."""
    with _locks_guard:
        lock = _locks.setdefault(key, threading.Lock())
    while not lock.acquire(timeout=0.2):
        if should_stop is not None and should_stop():
            raise Stopped
        if progress is not None:
            progress(0.0, "waiting for the same peaks to be called")
    try:
        yield
    finally:
        lock.release()
