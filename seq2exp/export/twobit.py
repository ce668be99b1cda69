"""A genome's bases as .2bit, which genome browsers read in place of a FASTA.

The format is UCSC's version 0: four bases a byte (T 0, C 1, A 2, G 3, the first in the highest
bits), and the runs of N listed beside them. Soft-masking is not kept.
"""

import os
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seq2exp.analysis.elements import runs
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import BASES, PADDING_CODE
from seq2exp.tracks.sequence import Genome

_MAGIC = 0x1A412743
# Genome's codes (A 0, C 1, G 2, T 3, N 4) as .2bit has them; under N stands a T.
_TWO_BITS = np.array([2, 1, 3, 0, 0], dtype=np.uint8)
_LINE = 60


def write_twobit(genome: Genome, names: Mapping[str, str], path: str | os.PathLike[str]) -> None:
    """Write chromosomes of a genome to a .2bit file.

    Parameters
    ----------
    genome
        Where the bases are.
    names
        Chromosomes of `genome`, and what to call each in the file.
    path
        The file.

    Raises
    ------
    InputError
        Where the chromosomes take more than the 4 GB that the format can address.
    """
    encoded = [name.encode() for name in names.values()]
    offset = 16 + sum(1 + len(name) + 4 for name in encoded)
    index, records = [], []
    for name, chrom in zip(encoded, names, strict=True):
        codes = genome.codes(Interval(chrom, 0, genome.lengths[chrom]))
        record = _record(codes)
        index.append(struct.pack("<B", len(name)) + name + struct.pack("<I", offset))
        records.append(record)
        offset += len(record)
        if offset >= 2**32:
            raise InputError(
                f"The chromosomes of {genome.path} are too long for one .2bit file; choose genes "
                "on fewer chromosomes."
            )
    head = struct.pack("<IIII", _MAGIC, 0, len(encoded), 0)
    Path(path).write_bytes(b"".join((head, *index, *records)))


def _record(codes: NDArray[np.uint8]) -> bytes:
    """Return one sequence: its length, its runs of N, no masking, and its bases packed."""
    unknown = runs(codes == PADDING_CODE)
    padded = np.zeros(-(-len(codes) // 4) * 4, dtype=np.uint8)
    padded[: len(codes)] = _TWO_BITS[codes]
    quads = padded.reshape(-1, 4)
    packed = quads[:, 0] << 6 | quads[:, 1] << 4 | quads[:, 2] << 2 | quads[:, 3]
    return b"".join(
        (
            struct.pack("<II", len(codes), len(unknown)),
            unknown[:, 0].astype("<u4").tobytes(),
            (unknown[:, 1] - unknown[:, 0]).astype("<u4").tobytes(),
            struct.pack("<II", 0, 0),
            packed.tobytes(),
        )
    )


def write_fasta(genome: Genome, names: Mapping[str, str], path: str | os.PathLike[str]) -> None:
    """Write chromosomes of a genome to a FASTA with its index (``.fai``) beside it.

    Parameters
    ----------
    genome, names, path
        As in `write_twobit`.
    """
    letters = np.frombuffer(BASES.encode(), dtype=np.uint8)
    index = []
    with open(path, "wb") as file:
        for chrom, name in names.items():
            file.write(f">{name}\n".encode())
            length = genome.lengths[chrom]
            index.append(f"{name}\t{length}\t{file.tell()}\t{_LINE}\t{_LINE + 1}\n")
            bases = letters[genome.codes(Interval(chrom, 0, length))]
            whole = len(bases) // _LINE * _LINE
            lines = np.full((whole // _LINE, _LINE + 1), ord("\n"), dtype=np.uint8)
            lines[:, :_LINE] = bases[:whole].reshape(-1, _LINE)
            file.write(lines.tobytes())
            if whole < len(bases):
                file.write(bases[whole:].tobytes() + b"\n")
    Path(f"{os.fspath(path)}.fai").write_text("".join(index), encoding="utf-8")
