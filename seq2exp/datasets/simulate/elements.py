"""What regulates: promoters, enhancers and the decoys that look like them.

An enhancer is active in a cell type when it carries two or more intact motifs of that cell type's
factors. Decoys are open, too, but do nothing: CTCF sites (no H3K27ac), elements whose motifs are
broken, other genes' promoters, and enhancers that a domain border cuts off. Silenced enhancers have
their motifs, but are closed.
"""

from dataclasses import dataclass

import numpy as np

from seq2exp.datasets.simulate.layout import Layout
from seq2exp.datasets.simulate.motifs import MOTIFS, break_site, reverse_complement, sample_site
from seq2exp.datasets.simulate.plan import CELLS, PROMOTER_HALF, TELOMERE, stream
from seq2exp.genome.annotation import Gene

#: Factors whose sites make an enhancer active, by cell type.
FACTORS = (("GATA1", "TAL1", "KLF1"), ("SPI1", "RUNX1", "EBF1", "PAX5"))

KINDS = ("promoter", "enhancer", "broken_motif", "ctcf", "silenced_enhancer")

#: Reads of an element of activity 1.
DNASE_READS, H3K27AC_READS = 45.0, 170.0

_SLOT = 22  # room for one motif, bp
_SPACING = 700  # least distance between the centres of two elements, bp
_GRID = 50


@dataclass(frozen=True)
class Site:
    """One planted motif.

    Attributes
    ----------
    factor : str
        The motif's name.
    start : int
        0-based first base on the chromosome.
    strand : str
        "+" or "-".
    codes : numpy.ndarray
        uint8 [width], the bases on the plus strand.
    intact : bool
        False where it was mutated.
    """

    factor: str
    start: int
    strand: str
    codes: np.ndarray
    intact: bool


@dataclass(frozen=True)
class Planted:
    """One planted element; per-cell tuples are in the order of `plan.CELLS`.

    Attributes
    ----------
    id : str
        ``{chromosome}.E{number}``, or ``{gene id}.P`` for a promoter.
    kind : str
        One of `KINDS`.
    start, end, center : int
        0-based half-open span and its middle, bp.
    sites : tuple of Site
        Its motifs.
    activity : tuple of float
        What it contributes to a gene at contact 1 (0 for decoys and inactive cells).
    dnase, h3k27ac : tuple of float
        Expected number of reads.
    gene : Gene or None
        The gene of a promoter.
    strength : tuple of float
        log10 of a promoter's own expression (0s otherwise).
    """

    id: str
    kind: str
    start: int
    end: int
    center: int
    sites: tuple[Site, ...]
    activity: tuple[float, ...]
    dnase: tuple[float, ...]
    h3k27ac: tuple[float, ...]
    gene: Gene | None = None
    strength: tuple[float, ...] = (0.0, 0.0)


def make_elements(seed: int, layout: Layout) -> tuple[Planted, ...]:
    """Plant the elements of one chromosome, in order of position."""
    rng = stream(seed, layout.chrom, "elements")
    planted = [_promoter(gene, rng) for gene in layout.genes]
    free = _free(layout)
    serial = 0
    # Broken elements are drawn as every fourth to fifth distal element, from the same places.
    for center, bias in _places(layout, rng):
        slot = center // _GRID
        if not free[slot]:
            continue
        free[max(0, slot - _SPACING // _GRID) : slot + _SPACING // _GRID + 1] = False
        serial += 1
        planted.append(_distal(f"{layout.chrom}.E{serial:04d}", center, bias, rng))
    return tuple(sorted(planted, key=lambda e: (e.center, e.id)))


def _free(layout: Layout) -> np.ndarray:
    """Where an element's centre may stand: bool, one value per 50 bp."""
    free = np.ones(layout.length // _GRID + 1, dtype=bool)
    free[: (TELOMERE + 1_000) // _GRID] = False
    free[(layout.length - TELOMERE - 1_000) // _GRID :] = False
    blocked = [(gene.tss - PROMOTER_HALF, gene.tss + PROMOTER_HALF) for gene in layout.genes]
    for start, end in (*blocked, *layout.artefacts):
        free[max(0, start - 400) // _GRID : (end + 400) // _GRID + 1] = False
    return free


def _places(layout: Layout, rng: np.random.Generator) -> list[tuple[int, str]]:
    """Candidate centres and their bias: which cell type's factors, or a kind of decoy.

    Most stand within 25 kb of a TSS, in numbers and cell types that differ strongly between genes,
    so that genes differ by what is round them; the rest, and CTCF sites, lie anywhere.
    """
    places: list[tuple[int, str]] = []
    for border in layout.borders:  # convergent pairs stand at borders
        places += [(int(border) + offset, "ctcf") for offset in (-900, 900)]
    spread: list[tuple[int, str]] = []
    rich = rng.lognormal(-0.5, 1.0, len(layout.borders) + 1)
    for gene in layout.genes:
        domain = int(np.searchsorted(layout.borders, gene.tss, side="right"))
        richness = rich[domain] * rng.gamma(0.7, 3.2)
        lean = rng.beta(0.6, 0.6)  # share of the first cell type
        distance = np.exp(rng.uniform(np.log(1_500), np.log(16_000), rng.poisson(richness)))
        for d in distance * rng.choice([-1, 1], len(distance)):
            spread.append((int(gene.tss + d), _bias(lean, rng)))
    uniform = rng.integers(TELOMERE, layout.length - TELOMERE, layout.length // 60_000)
    spread += [(int(center), _bias(float(rng.random()), rng)) for center in uniform]
    ctcf = rng.integers(TELOMERE, layout.length - TELOMERE, layout.length // 35_000)
    spread += [(int(center), "ctcf") for center in ctcf]
    inside = [(c, b) for c, b in spread if TELOMERE < c < layout.length - TELOMERE]
    return places + [inside[i] for i in rng.permutation(len(inside))]


def _bias(lean: float, rng: np.random.Generator) -> str:
    draw = rng.random()
    if draw < 0.22:
        return "broken_motif"
    if draw < 0.29:
        return "silenced_enhancer"
    if draw < 0.46:
        return "both"
    return "first" if rng.random() < lean else "second"


def _distal(element_id: str, center: int, bias: str, rng: np.random.Generator) -> Planted:
    half = int(rng.integers(120, 200))
    noise = lambda sd: 10 ** rng.normal(0, sd, len(CELLS))  # noqa: E731
    if bias == "ctcf":
        reads = DNASE_READS * 10 ** rng.normal(0.05, 0.25) * noise(0.06)
        sites = _sites(center, ["CTCF"], 0, rng)
        return _planted(element_id, "ctcf", center, half, sites, 0 * reads, reads, 0 * reads)
    kind = bias if bias in ("broken_motif", "silenced_enhancer") else "enhancer"
    grammar = bias if kind == "enhancer" else ("first", "second", "both")[int(rng.integers(3))]
    counts = [0, 0]
    for cell in (0, 1):
        if grammar == ("first", "second")[cell] or grammar == "both":
            counts[cell] = int(rng.integers(2, 5 if grammar == "both" else 6))
    factors = [str(rng.choice(FACTORS[c])) for c in (0, 1) for _ in range(counts[c])]
    if sum(counts) < 5 and rng.random() < 0.4:
        factors.append("AP-1")
    broken = len(factors) if kind == "broken_motif" else 0
    sites = _sites(center, factors, broken, rng)

    active = np.array(counts) > 0
    base = rng.normal(0.05, 0.32)
    activity = active * 10 ** (base + 0.12 * (np.array(counts) - 3.0))
    dnase = DNASE_READS * activity**0.8 * noise(0.08)
    h3k27ac = H3K27AC_READS * activity * noise(0.1)
    if kind == "silenced_enhancer":
        activity, dnase, h3k27ac = 0 * activity, 0 * dnase, 0 * h3k27ac
    if kind == "broken_motif":  # held open by others, acetylated less
        activity, h3k27ac = 0 * activity, h3k27ac * 10 ** rng.normal(-0.35, 0.3)
    return _planted(element_id, kind, center, half, sites, activity, dnase, h3k27ac)


def _promoter(gene: Gene, rng: np.random.Generator) -> Planted:
    """Make a promoter; how strong it is shows in its motifs, its openness and its acetylation."""
    classes = ("housekeeping", "first", "second", "off")
    kind = str(rng.choice(classes, p=(0.52, 0.13, 0.13, 0.22)))
    high, low = rng.normal(0.35, 0.2), rng.normal(-0.55, 0.2)
    on = {"housekeeping": (1, 1), "first": (1, 0), "second": (0, 1), "off": (0, 0)}[kind]
    strength = np.array([high if cell else low for cell in on]) + rng.normal(0, 0.12, 2)
    if kind == "housekeeping":
        factors = [str(rng.choice(["SP1", "NRF1"])) for _ in range(int(rng.integers(2, 6)))]
    elif kind == "off":
        factors = ["TATA"]
    else:
        of_cell = FACTORS[0] if kind == "first" else FACTORS[1]
        factors = ["TATA", "SP1", *(str(rng.choice(of_cell)) for _ in range(2))]
    upstream = -40 if gene.strand == "+" else 40
    sites = _sites(gene.tss + upstream, factors, 0, rng)
    dnase = 60 * 10 ** (0.55 * strength + rng.normal(0, 0.12, 2))
    h3k27ac = 200 * 10 ** (0.85 * strength + rng.normal(0, 0.15, 2))
    planted = _planted(
        f"{gene.id}.P", "promoter", gene.tss, 250, sites, np.zeros(2), dnase, h3k27ac
    )
    return Planted(**{**planted.__dict__, "gene": gene, "strength": _tuple(strength)})


def _sites(
    center: int, factors: list[str], n_broken: int, rng: np.random.Generator
) -> tuple[Site, ...]:
    """Put the motifs into random slots round the centre, on random strands."""
    slots = np.sort(rng.choice(10, len(factors), replace=False)) - 5
    sites = []
    for i, slot in enumerate(slots):
        motif = MOTIFS[factors[i]]
        codes = sample_site(motif, rng)
        if i < n_broken:
            codes = break_site(motif, codes, rng)
        strand = "+" if rng.random() < 0.5 else "-"
        if strand == "-":
            codes = reverse_complement(codes)
        start = center + int(slot) * _SLOT + int(rng.integers(0, _SLOT - motif.width + 1))
        sites.append(Site(factors[i], start, strand, codes, i >= n_broken))
    return tuple(sites)


def _planted(
    element_id: str,
    kind: str,
    center: int,
    half: int,
    sites: tuple[Site, ...],
    activity: np.ndarray,
    dnase: np.ndarray,
    h3k27ac: np.ndarray,
) -> Planted:
    return Planted(
        element_id,
        kind,
        center - half,
        center + half,
        center,
        sites,
        _tuple(activity),
        _tuple(dnase),
        _tuple(h3k27ac),
    )


def _tuple(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
