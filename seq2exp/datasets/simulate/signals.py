"""Reads, and the coverage that is counted from them."""

from dataclasses import dataclass

import numpy as np

from seq2exp.datasets.simulate.elements import Planted
from seq2exp.datasets.simulate.layout import Layout
from seq2exp.datasets.simulate.plan import TELOMERE, stream

READ_LENGTH = 36
#: Every DNase read counts over this many bp round its 5' end, every H3K27ac read along a fragment.
DNASE_EXTENSION, H3K27AC_FRAGMENT = 150, 200
#: From coverage to the bigWigs' read-depth normalised unit; fixed, so chromosomes stay independent.
DNASE_SCALE, H3K27AC_SCALE = 0.05, 0.1

_BACKGROUND = {"dnase": 4.0, "h3k27ac": 3.0}  # reads per kb
_ARTEFACT = {"dnase": 6_000.0, "h3k27ac": 4_000.0}  # reads per kb


@dataclass(frozen=True)
class Reads:
    """Aligned reads of one chromosome.

    Attributes
    ----------
    five_prime : numpy.ndarray
        int64 [n], 0-based position of each read's 5' base, ascending by the read's start.
    minus : numpy.ndarray
        bool [n], True on the minus strand.
    """

    five_prime: np.ndarray
    minus: np.ndarray

    @property
    def start(self) -> np.ndarray:
        """0-based leftmost base of each read."""
        return np.where(self.minus, self.five_prime - READ_LENGTH + 1, self.five_prime)

    @property
    def end(self) -> np.ndarray:
        """One past the rightmost base of each read."""
        return self.start + READ_LENGTH


@dataclass(frozen=True)
class Runs:
    """Run-length form of a track: half-open spans without zeros, float32 values."""

    start: np.ndarray
    end: np.ndarray
    value: np.ndarray


def sample_dnase(seed: int, layout: Layout, elements: tuple[Planted, ...], cell: int) -> Reads:
    """DNase cuts: Gaussian round every open element, even background, artefacts."""
    rng = stream(seed, layout.chrom, f"dnase/{cell}")
    center = np.array([e.center for e in elements])
    counts = rng.poisson([e.dnase[cell] for e in elements])
    width = rng.uniform(55, 95, len(elements))
    cuts = np.repeat(center, counts) + rng.normal(0, 1, counts.sum()) * np.repeat(width, counts)
    return _reads("dnase", cuts, layout, rng)


def sample_h3k27ac(seed: int, layout: Layout, elements: tuple[Planted, ...], cell: int) -> Reads:
    """H3K27ac fragments: on the nucleosomes either side of an element, wider round promoters."""
    rng = stream(seed, layout.chrom, f"h3k27ac/{cell}")
    center = np.array([e.center for e in elements])
    counts = rng.poisson([e.h3k27ac[cell] for e in elements])
    spread = np.where([e.kind == "promoter" for e in elements], 450, 260)
    side = rng.choice([-1, 1], counts.sum())
    offset = side * (260 + np.abs(rng.normal(0, 1, counts.sum())) * np.repeat(spread, counts))
    middle = np.repeat(center, counts) + offset
    return _reads("h3k27ac", middle, layout, rng, shift=H3K27AC_FRAGMENT // 2)


def _reads(
    assay: str, positions: np.ndarray, layout: Layout, rng: np.random.Generator, shift: int = 0
) -> Reads:
    """Add background and artefacts; `shift` moves 5' ends upstream, to fragments' beginnings."""
    low, high = TELOMERE + 500, layout.length - TELOMERE - 500
    tile = 50_000
    rate = _BACKGROUND[assay] * tile / 1000 * rng.lognormal(0, 0.2, layout.length // tile + 1)
    tiles = np.repeat(np.arange(len(rate)), rng.poisson(rate))
    parts = [positions, tiles * tile + rng.integers(0, tile, len(tiles))]
    for start, end in layout.artefacts:
        n = rng.poisson(_ARTEFACT[assay] * (end - start) / 1000)
        parts.append(rng.integers(start, end, n))
    middle = np.rint(np.concatenate(parts)).astype(np.int64)
    middle = middle[(middle >= low) & (middle < high)]
    minus = rng.random(len(middle)) < 0.5
    five_prime = middle + np.where(minus, shift, -shift)
    order = np.lexsort((minus, np.where(minus, five_prime - READ_LENGTH + 1, five_prime)))
    return Reads(five_prime[order], minus[order])


def dnase_coverage(reads: Reads, length: int) -> np.ndarray:
    """Count reads over 150 bp centred on each 5' end: int32 [length]."""
    start = reads.five_prime - DNASE_EXTENSION // 2
    return _coverage(start, start + DNASE_EXTENSION, length)


def h3k27ac_coverage(reads: Reads, length: int) -> np.ndarray:
    """Count 200 bp fragments that begin at each 5' end: int32 [length]."""
    start = np.where(reads.minus, reads.five_prime - H3K27AC_FRAGMENT + 1, reads.five_prime)
    return _coverage(start, start + H3K27AC_FRAGMENT, length)


def _coverage(start: np.ndarray, end: np.ndarray, length: int) -> np.ndarray:
    change = np.bincount(start.clip(0, length), minlength=length + 1)
    change -= np.bincount(end.clip(0, length), minlength=length + 1)
    return change[:length].cumsum().astype(np.int32)


def runs(coverage: np.ndarray, scale: float) -> Runs:
    """Turn coverage into the runs that a bigWig stores, times `scale`."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(coverage)) + 1, [len(coverage)]])
    value = coverage[edges[:-1]]
    keep = value > 0
    return Runs(
        edges[:-1][keep], edges[1:][keep], (value[keep] * np.float32(scale)).astype(np.float32)
    )


def rpm_around(reads: Reads, tss: int, n_millions: float, half: int = 500) -> float:
    """Count reads with their 5' end within `half` bp of a TSS, per million."""
    inside = np.count_nonzero(np.abs(reads.five_prime - tss) < half)
    return inside / n_millions
