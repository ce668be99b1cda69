"""One simulated chromosome, whole, and the digests of its content."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seq2exp.datasets.simulate import signals
from seq2exp.datasets.simulate.contact import Pixels, sample_pixels
from seq2exp.datasets.simulate.elements import Planted, make_elements
from seq2exp.datasets.simulate.labels import Tables, make_tables
from seq2exp.datasets.simulate.layout import Layout, make_layout
from seq2exp.datasets.simulate.plan import CELLS
from seq2exp.datasets.simulate.sequence import letters, make_sequence, soft_mask
from seq2exp.datasets.simulate.signals import Reads, Runs


@dataclass(frozen=True)
class Chromosome:
    """Everything that is written about one chromosome; per-cell tuples in the order of `CELLS`."""

    layout: Layout
    elements: tuple[Planted, ...]
    letters: np.ndarray  # uint8 [length], ASCII, lower case where soft-masked
    dnase_reads: tuple[Reads, ...]
    dnase: tuple[Runs, ...]
    h3k27ac: tuple[Runs, ...]
    pixels: tuple[Pixels, ...]
    tables: Tables


def make_chromosome(
    seed: int, chrom: str, progress: Callable[[float], None] = lambda fraction: None
) -> Chromosome:
    """Simulate one chromosome; `progress` is told the fraction that is done."""
    layout = make_layout(seed, chrom)
    elements = make_elements(seed, layout)
    progress(0.2)
    codes = make_sequence(seed, layout, elements)
    progress(0.5)
    cells = range(len(CELLS))
    dnase = tuple(signals.sample_dnase(seed, layout, elements, cell) for cell in cells)
    h3k27ac = tuple(signals.sample_h3k27ac(seed, layout, elements, cell) for cell in cells)
    progress(0.7)
    return Chromosome(
        layout=layout,
        elements=elements,
        letters=letters(codes, soft_mask(seed, layout)),
        dnase_reads=dnase,
        dnase=tuple(
            signals.runs(signals.dnase_coverage(reads, layout.length), signals.DNASE_SCALE)
            for reads in dnase
        ),
        h3k27ac=tuple(
            signals.runs(signals.h3k27ac_coverage(reads, layout.length), signals.H3K27AC_SCALE)
            for reads in h3k27ac
        ),
        pixels=tuple(sample_pixels(seed, layout, cell) for cell in cells),
        tables=make_tables(seed, layout, elements, codes, dnase, h3k27ac),
    )


def content_digests(chromosome: Chromosome) -> dict[str, str]:
    """Digest what each file says about one chromosome, independent of the file's encoding.

    Returns
    -------
    dict
        From a part's name (``sequence``, ``dnase/{cell}``, …) to a sha256 in hex.
    """
    parts = {"sequence": sequence_digest(chromosome.letters.tobytes())}
    for i, cell in enumerate(CELLS):
        for name, runs in (("dnase", chromosome.dnase[i]), ("h3k27ac", chromosome.h3k27ac[i])):
            parts[f"{name}/{cell}"] = runs_digest(runs.start, runs.end, runs.value)
        reads, pixels = chromosome.dnase_reads[i], chromosome.pixels[i]
        parts[f"reads/{cell}"] = arrays_digest(reads.start, reads.end, reads.minus)
        parts[f"contact/{cell}"] = pixels_digest(pixels.bin1, pixels.bin2, pixels.count)
        parts[f"expression/{cell}"] = table_digest(chromosome.tables.expression[i])
    parts["pairs"] = table_digest(chromosome.tables.pairs)
    parts["genes"] = hashlib.sha256(repr(chromosome.layout.genes).encode()).hexdigest()
    parts["elements"] = hashlib.sha256(
        repr([(e.id, e.kind, e.start, e.end, e.activity) for e in chromosome.elements]).encode()
    ).hexdigest()
    return parts


def sequence_digest(letters: bytes) -> str:
    """Digest of a chromosome's letters, case included."""
    return hashlib.sha256(letters).hexdigest()


def runs_digest(start: np.ndarray, end: np.ndarray, value: np.ndarray) -> str:
    """Digest of a bigWig's intervals on one chromosome."""
    return arrays_digest(start, end, np.asarray(value, dtype="<f4").view("<u4"))


def pixels_digest(bin1: np.ndarray, bin2: np.ndarray, count: np.ndarray) -> str:
    """Digest of a contact map's pixels on one chromosome, in row order, bins from its start."""
    return arrays_digest(bin1, bin2, count)


def table_digest(table: pd.DataFrame) -> str:
    """Digest of a table's rows as they are written."""
    text = table.to_csv(sep="\t", index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


def arrays_digest(*arrays: np.ndarray) -> str:
    """Digest of whole-number arrays."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    return sha.hexdigest()
