"""The bases of a simulated chromosome, and what is counted from them."""

import numpy as np

from seq2exp.datasets.simulate.elements import Planted
from seq2exp.datasets.simulate.layout import Layout
from seq2exp.datasets.simulate.plan import TELOMERE, stream
from seq2exp.genome.annotation import Gene

_UPPER = np.frombuffer(b"ACGTN", dtype=np.uint8)
_LOWER = np.frombuffer(b"acgtn", dtype=np.uint8)


def make_sequence(seed: int, layout: Layout, elements: tuple[Planted, ...]) -> np.ndarray:
    """Make one chromosome's bases.

    Background with slowly varying GC content and few CpGs, GC-richer exons, CpG islands at
    promoters, planted motifs as given by the elements, N at both ends.

    Returns
    -------
    numpy.ndarray
        uint8 [length], A0 C1 G2 T3 N4.
    """
    rng = stream(seed, layout.chrom, "sequence")
    length = layout.length
    steps = rng.normal(0, 0.012, length // 5_000 + 2)
    gc_track = 0.41 + 0.05 * np.tanh(steps.cumsum() / 0.05)
    gc = np.repeat(gc_track.astype(np.float32), 5_000)[:length]
    codes = _draw(gc, rng)
    _deplete_cpg(codes, rng)
    for gene in layout.genes:
        gc_gene = rng.uniform(0.40, 0.62)
        for start, end in gene.transcripts[0].exons:
            codes[start:end] = _draw(np.full(end - start, gc_gene + rng.normal(0, 0.02)), rng)
    for element in elements:
        if element.kind == "promoter":
            island = sum(site.factor in ("SP1", "NRF1") for site in element.sites) >= 2
            half = int(rng.integers(250, 600)) if island else 200
            content = 0.66 if island else 0.5
        else:
            half, content = (element.end - element.start) // 2, 0.48
        start, end = max(0, element.center - half), min(length, element.center + half)
        codes[start:end] = _draw(np.full(end - start, content), rng)
        if element.kind != "promoter":
            _deplete_cpg(codes[start:end], rng)
    for element in elements:
        for site in element.sites:
            codes[site.start : site.start + len(site.codes)] = site.codes
    codes[:TELOMERE] = 4
    codes[-TELOMERE:] = 4
    return codes


def _draw(gc: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw bases of the given GC content (float [n])."""
    draw = rng.random(len(gc), dtype=np.float32)
    strong = draw < gc
    # Within G/C and within A/T, one more bit says which of the two.
    bit = rng.integers(0, 2, len(gc), dtype=np.uint8)
    return np.where(strong, 1 + bit, 3 * bit).astype(np.uint8)


def _deplete_cpg(codes: np.ndarray, rng: np.random.Generator) -> None:
    """Turn three of four CpGs into TpG or CpA, in place, as deamination does."""
    at = np.flatnonzero((codes[:-1] == 1) & (codes[1:] == 2))
    draw = rng.random(len(at))
    codes[at[draw < 0.375]] = 3
    codes[at[(draw >= 0.375) & (draw < 0.75)] + 1] = 0


def soft_mask(seed: int, layout: Layout) -> np.ndarray:
    """Which bases are written in lower case, as repeats are: bool [length], about a tenth."""
    rng = stream(seed, layout.chrom, "repeats")
    masked = np.zeros(layout.length, dtype=bool)
    for start in rng.integers(0, layout.length, layout.length // 4_000):
        masked[start : start + int(rng.integers(200, 700))] = True
    return masked


def letters(codes: np.ndarray, masked: np.ndarray) -> np.ndarray:
    """ASCII letters (uint8 [n]) of base codes, lower case where masked."""
    return np.where(masked & (codes < 4), _LOWER[codes], _UPPER[codes])


def mrna_features(gene: Gene, codes: np.ndarray) -> np.ndarray | None:
    """Compute the eight mRNA features of a coding gene's canonical transcript.

    Lengths are log10, then centred and scaled by fixed numbers that describe simulated genes (a
    genome-wide z-score would tie chromosomes together).

    Returns
    -------
    numpy.ndarray or None
        float64 [8]: 5' UTR, CDS, intron and 3' UTR length z-scores, 5' UTR, CDS and 3' UTR GC
        content, exon junctions per kb of CDS. None for a gene without coding sequence.
    """
    transcript = gene.transcripts[0]
    if transcript.cds is None:
        return None
    exons = transcript.exons
    low, high = transcript.cds
    left = [codes[a : min(b, low)] for a, b in exons if a < low]
    middle = [codes[max(a, low) : min(b, high)] for a, b in exons if b > low and a < high]
    right = [codes[max(a, high) : b] for a, b in exons if b > high]
    if gene.strand == "-":
        left, right = right, left
    utr5, cds, utr3 = (
        np.concatenate(part) if part else np.zeros(0) for part in (left, middle, right)
    )
    intron = (transcript.end - transcript.start) - sum(b - a for a, b in exons)
    lengths = np.log10(np.array([len(utr5), len(cds), intron, len(utr3)]) + 1.0)
    z = (lengths - np.array([2.2, 3.05, 3.6, 2.95])) / np.array([0.3, 0.26, 1.1, 0.33])
    contents = [
        float(np.isin(part, (1, 2)).mean()) if len(part) else 0.0 for part in (utr5, cds, utr3)
    ]
    density = 1000.0 * (len(exons) - 1) / len(cds)
    return np.array([*z, *contents, density])
