"""Hi-C contact with each TSS as the authors stored it: one HDF5 data set a TSS.

``hic_feat_chr1.h5`` holds ``chr1_{tss}``: the contact (pseudocount added, before the logarithm) of
every base of [tss - 100,000, tss + 100,000) with the TSS, zeros where the window is off the
chromosome.
"""

import hashlib
import importlib
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval, resolve_chrom
from seq2exp.genome.window import WINDOW
from seq2exp.tracks.handle import Handle

Padding = Literal["release", "fixed"]
PADDINGS: tuple[Padding, ...] = ("release", "fixed")

_SAMPLES, _SAMPLE_BYTES = 16, 65_536


def hdf5() -> ModuleType:
    """Return the package h5py.

    Raises
    ------
    InputError
        Where it is not installed.
    """
    try:
        return importlib.import_module("h5py")
    except ImportError as error:
        raise InputError(
            f"The authors' data folder needs the package h5py ({error}); install it with "
            "pip install -e '.[released]'."
        ) from error


def open_hdf5(path: Path) -> Any:
    """Return an open HDF5 file.

    Raises
    ------
    InputError
        Where it is not HDF5, or cut short.
    """
    try:
        # Nobody writes there, and network file systems often refuse the lock.
        return hdf5().File(path, "r", locking=False)
    except OSError as error:
        text = " ".join(str(error).split())
        raise InputError(
            f"The HDF5 file {path} cannot be read ({text}); it may be cut short, fetch it again."
        ) from None


class ContactProfiles:
    """The contact profiles of one cell type.

    Threads may share one object, and it travels to other processes as its paths.

    Parameters
    ----------
    path
        Folder of ``hic_feat_chr*.h5``.
    lengths
        Chromosome lengths in bp.
    padding
        What happens to a TSS nearer than 100 kb to a chromosome's end. The profiles are stored
        padded. "release": they are padded once more and cut to the window's length, as the released
        code does, which moves them by half the padding. "fixed": they are taken as stored.

    Attributes
    ----------
    lengths : dict of str to int
        Of the chromosomes that have a file.
    source : str
        For the screen.
    matrix : None
        There is no map to draw.

    Raises
    ------
    InputError
        Without h5py, without any profile, or for a file that is not HDF5.
    """

    source = "Hi-C VC 5 kb (the authors' profiles)"
    matrix = None

    def __init__(
        self,
        path: str | os.PathLike[str],
        lengths: Mapping[str, int],
        padding: Padding = "release",
    ) -> None:
        self.path = Path(path)
        self.padding = padding
        stored = {chrom: self.path / f"hic_feat_{chrom}.h5" for chrom in lengths}
        stored = {chrom: file for chrom, file in stored.items() if file.is_file()}
        if not stored:
            raise InputError(
                f"{self.path} has no contact profiles hic_feat_chr*.h5; fetch them again."
            )
        self.lengths = {chrom: lengths[chrom] for chrom in stored}
        self._files: dict[str, Handle[Any]] = {
            chrom: Handle(partial(open_hdf5, file)) for chrom, file in stored.items()
        }
        for file in self._files.values():
            with file.use():
                pass  # opened, so that a damaged file is known now

    def __reduce__(self) -> tuple[type["ContactProfiles"], tuple[Path, dict[str, int], Padding]]:
        """Travel to another process as the paths alone."""
        return ContactProfiles, (self.path, self.lengths, self.padding)

    def profile(self, chrom: str, tss: int, interval: Interval) -> NDArray[np.float32]:
        """Return the contact of every base with the TSS, before the logarithm.

        Parameters
        ----------
        chrom
            Chromosome, with or without "chr".
        tss
            0-based position in bp, one of those that have a profile.
        interval
            The bases wanted.

        Returns
        -------
        ndarray
            float32 [interval.width] (the released code leaves double precision before it adds 1 and
            takes the logarithm); 0 for NaN and further than 100 kb from the TSS.

        Raises
        ------
        InputError
            Where there is no such profile, or it is not one of 200,000 bases.
        """
        chrom = self._chrom(chrom)
        values = self._stored(chrom, tss)
        if self.padding == "release":
            left, right = self._pads(chrom, tss)
            start = (left + right) // 2
            values = np.pad(values, (left, right))[start : start + WINDOW]
        contact = np.zeros(interval.width, dtype=np.float32)
        first = tss - WINDOW // 2
        start, end = max(interval.start, first), min(interval.end, first + WINDOW)
        if start < end:
            contact[start - interval.start : end - interval.start] = values[
                start - first : end - first
            ]
        return np.nan_to_num(contact, nan=0.0)

    def notes(self, chrom: str, tss: int) -> list[str]:
        """Return sentences to show beside a window round `tss`."""
        left, right = self._pads(self._chrom(chrom), tss)
        moved = left - (left + right) // 2
        if self.padding == "fixed" or not moved:
            return []
        return [
            f"As in the released code, Hi-C contact is padded twice here and so lies {abs(moved):,}"
            f" bp too far to the {'right' if moved > 0 else 'left'}; 'hic_padding: fixed' "
            "corrects it."
        ]

    def _chrom(self, name: str) -> str:
        chrom = resolve_chrom(name, self.lengths)
        if chrom is None:
            raise InputError(
                f"{self.path} has no contact profiles of chromosome {name}; choose a gene "
                f"elsewhere or fetch hic_feat_{name}.h5."
            )
        return chrom

    def _pads(self, chrom: str, tss: int) -> tuple[int, int]:
        """Return how many bases of the window lie off either end of the chromosome."""
        half = WINDOW // 2
        return max(0, half - tss), max(0, tss + half - self.lengths[chrom])

    def _stored(self, chrom: str, tss: int) -> NDArray[np.floating]:
        name = f"{chrom}_{tss}"
        with self._files[chrom].use() as file:
            where = Path(file.filename)
            if name not in file:
                raise InputError(
                    f"{where} has no contact profile {name}: the authors made them for the TSS of "
                    "their GeneList.txt only; choose one of its genes."
                )
            try:
                values = np.asarray(file[name])
            except (OSError, TypeError) as error:
                raise InputError(
                    f"{where}: {name} cannot be read ({error}); fetch the file again."
                ) from None
        if values.shape != (WINDOW,) or not np.issubdtype(values.dtype, np.floating):
            raise InputError(
                f"{where}: {name} is {values.dtype} {list(values.shape)}, not {WINDOW:,} numbers; "
                "fetch the file again."
            )
        return values


def fingerprint(folder: Path) -> dict[str, str]:
    """Return a mark of each profile file that changes when the file does.

    It is the sha256 (hex) of the file's size and of samples spread over it: the files of one cell
    type have tens of gigabytes, too many to read whole whenever the app starts.
    """
    marks = {}
    for path in sorted(folder.glob("hic_feat_*.h5")):
        size = path.stat().st_size
        mark = hashlib.sha256(str(size).encode())
        with open(path, "rb") as file:
            for place in np.linspace(0, max(0, size - _SAMPLE_BYTES), _SAMPLES, dtype=np.int64):
                file.seek(int(place))
                mark.update(file.read(_SAMPLE_BYTES))
        marks[path.name] = mark.hexdigest()
    return marks
