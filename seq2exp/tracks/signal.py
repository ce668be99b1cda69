"""Signals along the genome from bigWig files."""

import os
import struct
from pathlib import Path

import numpy as np
import pyBigWig
from numpy.typing import NDArray

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval, resolve_chrom
from seq2exp.genome.window import pad_to
from seq2exp.tracks.handle import Handle

_MAGIC = (b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26")
_CHUNK_BP = 4_000_000  # what `Signal.stats` holds in memory at once


class Signal:
    """One bigWig track.

    Threads may share one object, and it travels to other processes as its path.

    Parameters
    ----------
    path
        A bigWig file.

    Attributes
    ----------
    path : Path
    lengths : dict of str to int
        Chromosome lengths in bp as the file's header has them.

    Raises
    ------
    InputError
        Where the file is missing, not a bigWig, or cut short.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        _check(self.path)
        self._file: Handle[pyBigWig.bigWigFile] = Handle(self._open)
        with self._file.use() as file:
            self.lengths: dict[str, int] = dict(file.chroms() or {})
        if not self.lengths:
            raise self._unreadable("it names no chromosome")

    def __reduce__(self) -> tuple[type["Signal"], tuple[Path]]:
        """Travel to another process as the path alone."""
        return Signal, (self.path,)

    def _open(self) -> "pyBigWig.bigWigFile":
        try:
            file = pyBigWig.open(str(self.path))
        except RuntimeError as error:
            raise self._unreadable(str(error)) from None
        if not file.isBigWig():
            raise InputError(f"{self.path} is a bigBed, not a bigWig; give a bigWig.")
        return file

    def _unreadable(self, why: str) -> InputError:
        return InputError(
            f"The bigWig {self.path} cannot be read ({why}); it may be cut short, fetch it again."
        )

    def _chrom(self, name: str) -> str:
        chrom = resolve_chrom(name, self.lengths)
        if chrom is None:
            raise InputError(
                f"{self.path} has no chromosome {name}; choose a gene elsewhere or a file with it."
            )
        return chrom

    def values(self, interval: Interval) -> NDArray[np.float32]:
        """Return the signal at every base.

        Returns
        -------
        ndarray
            float32 [interval.width], as stored; 0 where the file has no value and off the
            chromosome.

        Raises
        ------
        InputError
            Where the file lacks the chromosome or its data cannot be read.
        """
        chrom = self._chrom(interval.chrom)
        clipped = interval.clip(self.lengths[chrom])
        values = np.zeros(0, dtype=np.float32)
        if clipped.width:
            try:
                with self._file.use() as file:
                    raw = file.values(chrom, clipped.start, clipped.end, numpy=True)
            except RuntimeError as error:
                raise self._unreadable(str(error)) from None
            values = np.nan_to_num(raw, nan=0.0).astype(np.float32, copy=False)
        return pad_to(values, interval, clipped, 0)

    def stats(
        self, interval: Interval, bin_bp: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Summarise the signal in bins whose edges are multiples of `bin_bp` on the chromosome.

        Bins that lie partly outside `interval` are summarised whole, so panning never changes a
        bin. Bases without a value, and off the chromosome, count as 0. Every base is read (about a
        second for 100 Mb): a file's zoom levels would change peaks' heights.

        Returns
        -------
        minimum, mean, maximum
            float32 [n] each; bin ``i`` begins at ``(interval.start // bin_bp + i) * bin_bp``.
        """
        first, last = interval.start // bin_bp, -(-interval.end // bin_bp)
        result = np.zeros((3, last - first), dtype=np.float32)
        step = max(1, _CHUNK_BP // bin_bp)
        for at in range(first, last, step):
            end = min(at + step, last)
            part = Interval(interval.chrom, at * bin_bp, end * bin_bp)
            rows = self.values(part).reshape(end - at, bin_bp)
            summary = rows.min(axis=1), rows.mean(axis=1, dtype=np.float64), rows.max(axis=1)
            result[:, at - first : end - first] = summary
        return result[0], result[1], result[2]


def _check(path: Path) -> None:
    """Refuse what is not a whole bigWig before the C library sees it."""
    try:
        size = path.stat().st_size
        with open(path, "rb") as file:
            header = file.read(64)
            file.seek(max(0, size - 4))
            tail = file.read(4)
    except OSError:
        raise InputError(f"There is no readable bigWig at {path}; give a bigWig file.") from None
    if header[:4] not in _MAGIC:
        raise InputError(f"{path} is not a bigWig; give a bigWig file.")
    order = "<" if header[:4] == _MAGIC[0] else ">"
    cut = len(header) < 64
    if not cut:
        version, levels, *offsets = struct.unpack(f"{order}HHQQQ", header[4:32])
        # A bigWig ends with its magic number again (since version 3; some writers leave it out).
        cut = max(offsets) >= size or (version >= 3 and tail != header[:4] and levels > 0)
    if cut:
        raise InputError(f"The bigWig {path} is cut short; fetch it again.")
