"""The genome's bases from an indexed FASTA."""

import hashlib
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyfaidx import Faidx, FastaIndexingError

from seq2exp.errors import InputError
from seq2exp.files import atomic_path, cache_dir
from seq2exp.genome.locus import Interval, resolve_chrom
from seq2exp.genome.window import BASES, PADDING_CODE, pad_to
from seq2exp.tracks.handle import Handle

_CODE = np.full(256, PADDING_CODE, dtype=np.uint8)
for _code, _base in enumerate("ACGT"):
    _CODE[ord(_base)] = _CODE[ord(_base.lower())] = _code


class Genome:
    """A genome on disk.

    Threads may share one object, and it travels to other processes as its path.

    Parameters
    ----------
    path
        Uncompressed FASTA. An index beside it (``.fai``) is used; without one, an index is made in
        the cache folder, since data folders are often read-only.

    Attributes
    ----------
    path : Path
    lengths : dict of str to int
        Chromosome lengths in bp, in the file's order.

    Raises
    ------
    InputError
        Where the file is missing, compressed, not FASTA, or shorter than its index says.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        index = _index(self.path)
        self._file: Handle[Faidx] = Handle(
            lambda: Faidx(str(self.path), indexname=str(index), as_raw=True, rebuild=False)
        )
        with self._file.use() as file:
            self.lengths: dict[str, int] = {
                name: record.rlen for name, record in file.index.items()
            }

    def __reduce__(self) -> tuple[type["Genome"], tuple[Path]]:
        """Travel to another process as the path alone."""
        return Genome, (self.path,)

    def codes(self, interval: Interval) -> NDArray[np.uint8]:
        """Return the bases as numbers.

        Returns
        -------
        ndarray
            uint8 [interval.width]; A 0, C 1, G 2, T 3; anything else, and off the chromosome, 4.

        Raises
        ------
        InputError
            Where the FASTA lacks the chromosome.
        """
        chrom = resolve_chrom(interval.chrom, self.lengths)
        if chrom is None:
            raise InputError(
                f"{self.path} has no chromosome {interval.chrom}; give a genome that has it."
            )
        clipped = interval.clip(self.lengths[chrom])
        text = ""
        if clipped.width:
            with self._file.use() as file:
                text = file.fetch(chrom, clipped.start + 1, clipped.end)
        codes = _CODE[np.frombuffer(text.encode("latin-1"), dtype=np.uint8)]
        return pad_to(codes, interval, clipped, PADDING_CODE)

    def fetch(self, interval: Interval) -> str:
        """Return the bases as upper-case ACGTN, N off the chromosome."""
        letters = np.frombuffer(BASES.encode(), dtype=np.uint8)
        return letters[self.codes(interval)].tobytes().decode()


def _index(path: Path) -> Path:
    """Return the path of an index that fits the FASTA, making one where there is none."""
    try:
        with open(path, "rb") as file:
            start = file.read(2)
    except OSError:
        raise InputError(f"There is no readable genome at {path}; give a FASTA file.") from None
    if start == b"\x1f\x8b":
        raise InputError(f"The genome {path} is compressed; unpack it with gunzip first.")
    if not start.startswith(b">"):
        raise InputError(f"{path} is not FASTA (it does not begin with '>'); give a FASTA file.")
    stat = path.stat()
    beside = Path(f"{path}.fai")
    if beside.is_file():
        expected = _expected_size(beside)
        # The last line may end with or without a line break.
        if expected is not None and expected - 2 <= stat.st_size <= expected + 2:
            return beside
        if expected is not None and stat.st_size < expected:
            raise InputError(
                f"The genome {path} is shorter than its index says; fetch it again, or delete "
                f"{beside.name} if that is out of date."
            )
    key = hashlib.sha256(
        f"{path.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}".encode()
    ).hexdigest()
    cached = cache_dir() / "fai" / f"{key[:24]}.fai"
    if not cached.is_file():
        with atomic_path(cached) as draft:
            try:
                Faidx(str(path), indexname=str(draft), rebuild=False).close()
            except (FastaIndexingError, ValueError) as error:
                raise InputError(
                    f"The genome {path} cannot be indexed ({error}); "
                    "its lines must have equal lengths within a chromosome."
                ) from None
    return cached


def _expected_size(index: Path) -> int | None:
    """Return the size in bytes a FASTA has by its index, None where the index is no index."""
    size = 0
    try:
        for line in index.read_text().splitlines():
            length, offset, bases, width = map(int, line.split("\t")[1:5])
            lines, rest = divmod(length, bases)
            size = max(size, offset + lines * width + rest)
    except (ValueError, ZeroDivisionError, OSError):
        return None
    return size or None
