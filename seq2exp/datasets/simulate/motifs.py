"""Transcription factor motifs: weight matrices, sampling, breaking and scanning.

The consensus sequences are the well-known binding preferences of the factors in IUPAC letters; the
matrices are made from them here, so no motif database is needed.
"""

from dataclasses import dataclass

import numpy as np

IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT",
    "K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip

#: Consensus of each factor's binding site, 5' to 3'.
CONSENSUS = {
    "GATA1": "VAGATAAGRV",
    "TAL1": "RRCAGATGGY",
    "KLF1": "RCCMCACCCW",
    "SPI1": "AAAGMGGAAGTG",
    "RUNX1": "NTGTGGTTTN",
    "EBF1": "TTCCCNNGGGAA",
    "PAX5": "RNGCGTGACCNY",
    "AP-1": "RTGASTCAYN",
    "NRF1": "YGCGCAYGCGCR",
    "SP1": "RGGGCGGGGY",
    "TATA": "STATAAAWRS",
    "CTCF": "YGRCCASYAGRKGGCRSY",
}

#: A site counts as intact from this share of the best possible log-odds score.
INTACT = 0.8
#: A broken site scores below this share.
BROKEN = 0.4


@dataclass(frozen=True)
class Motif:
    """A binding preference.

    Attributes
    ----------
    name : str
        The factor.
    probabilities : numpy.ndarray
        float64 [width, 4], rows sum to 1, columns A, C, G, T.
    log_odds : numpy.ndarray
        float64 [width, 4], log2 of the probabilities over a uniform background.
    """

    name: str
    probabilities: np.ndarray
    log_odds: np.ndarray

    @property
    def width(self) -> int:
        """Length of the site in bp."""
        return len(self.probabilities)

    @property
    def best(self) -> float:
        """Highest possible log-odds score in bits."""
        return float(self.log_odds.max(axis=1).sum())

    def score(self, codes: np.ndarray) -> float:
        """Log-odds score in bits of one site, codes uint8 [width] (A0 C1 G2 T3)."""
        return float(self.log_odds[np.arange(self.width), codes].sum())


def from_consensus(name: str, consensus: str, specificity: float = 0.95) -> Motif:
    """Make a weight matrix: allowed letters share `specificity`, the others the rest."""
    rows = np.empty((len(consensus), 4))
    for row, letter in zip(rows, consensus, strict=True):
        allowed = [base in IUPAC[letter] for base in "ACGT"]
        n = sum(allowed)
        row[:] = 0.25 if n == 4 else np.where(allowed, specificity / n, (1 - specificity) / (4 - n))
    return Motif(name, rows, np.log2(rows / 0.25))


MOTIFS = {name: from_consensus(name, consensus) for name, consensus in CONSENSUS.items()}


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    """Reverse complement of base codes (A0 C1 G2 T3; 4 stays 4)."""
    flipped = codes[::-1]
    return np.where(flipped < 4, 3 - np.minimum(flipped, 3), 4).astype(np.uint8)


def sample_site(motif: Motif, rng: np.random.Generator) -> np.ndarray:
    """Draw an intact site (uint8 [width]) from the matrix."""
    cumulative = motif.probabilities.cumsum(axis=1)
    floor = INTACT * motif.best
    while True:
        site = (rng.random((motif.width, 1)) > cumulative).sum(axis=1).clip(0, 3).astype(np.uint8)
        if motif.score(site) >= floor:
            return site


def break_site(motif: Motif, site: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mutate the most informative positions, at random, until the site scores as broken."""
    broken = site.copy()
    order = np.argsort(-motif.log_odds.max(axis=1) + rng.random(motif.width) * 0.2)
    for position in order:
        broken[position] = (broken[position] + rng.integers(1, 4)) % 4
        if motif.score(broken) < BROKEN * motif.best:
            break
    return broken


def scan(motif: Motif, codes: np.ndarray) -> np.ndarray:
    """Score every position on both strands.

    Parameters
    ----------
    motif : Motif
        What to look for.
    codes : numpy.ndarray
        uint8 [n], A0 C1 G2 T3, 4 = N (which scores as a mismatch of 0 bits everywhere).

    Returns
    -------
    numpy.ndarray
        float64 [n - width + 1], the better strand's log-odds score in bits.
    """
    windows = np.lib.stride_tricks.sliding_window_view(codes, motif.width)
    table = np.hstack([motif.log_odds, np.zeros((motif.width, 1))])
    reverse = np.hstack([motif.log_odds[::-1, ::-1], np.zeros((motif.width, 1))])
    columns = np.arange(motif.width)
    return np.maximum(table[columns, windows].sum(axis=1), reverse[columns, windows].sum(axis=1))
