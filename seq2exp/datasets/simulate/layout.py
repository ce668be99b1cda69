"""Where genes, domain borders and artefact regions of a simulated chromosome stand."""

from dataclasses import dataclass

import numpy as np

from seq2exp.datasets.simulate.plan import BIN, LENGTHS, TELOMERE, number, stream
from seq2exp.genome.annotation import Gene, Strand, Transcript

Spans = tuple[tuple[int, int], ...]

_TSS_GAP = 3_000
_TSS_SPACING = 19_000
_MAX_GENE = 90_000


@dataclass(frozen=True)
class Layout:
    """The plan of one chromosome; positions are 0-based half-open, bp.

    Attributes
    ----------
    chrom, length : str, int
        The chromosome.
    genes : tuple of Gene
        By TSS.
    borders : numpy.ndarray
        int64, ascending positions of the domain borders, multiples of 5 kb.
    insulation : numpy.ndarray
        float64, how much of a contact across each border is left (0.03-0.08).
    artefacts : tuple of (start, end)
        Regions with absurd signal, which the blacklist names.
    """

    chrom: str
    length: int
    genes: tuple[Gene, ...]
    borders: np.ndarray
    insulation: np.ndarray
    artefacts: Spans


def make_layout(seed: int, chrom: str) -> Layout:
    """Lay out one chromosome."""
    length = LENGTHS[chrom]
    rng = stream(seed, chrom, "layout")
    genes = _genes(chrom, length, rng)
    borders = _borders(length, rng)
    insulation = rng.uniform(0.03, 0.08, len(borders))
    return Layout(chrom, length, genes, borders, insulation, _artefacts(length, genes, rng))


def _borders(length: int, rng: np.random.Generator) -> np.ndarray:
    borders: list[int] = []
    position = 0.0
    while True:
        position += float(np.clip(rng.lognormal(np.log(130_000), 0.5), 50_000, 400_000))
        if position > length - 50_000:
            return np.array(borders, dtype=np.int64)
        borders.append(round(position / BIN) * BIN)


def _artefacts(length: int, genes: tuple[Gene, ...], rng: np.random.Generator) -> Spans:
    """Two regions a chromosome, 10 kb or more from every TSS where there is room."""
    tss = np.array([gene.tss for gene in genes])
    found: list[tuple[int, int]] = []
    for part in range(2):
        low, high = TELOMERE + part * length // 2, (part + 1) * length // 2 - TELOMERE
        tries = rng.integers(low, high - 3_000, 200)
        clearance = np.abs(tries[:, None] - tss).min(axis=1)
        good = np.flatnonzero(clearance >= 10_000)
        start = int(tries[good[0]] if len(good) else tries[clearance.argmax()])
        found.append((start, start + int(rng.integers(1_000, 2_500))))
    return tuple(found)


def _genes(chrom: str, length: int, rng: np.random.Generator) -> tuple[Gene, ...]:
    genes: list[Gene] = []
    names: set[str] = set()
    position = float(TELOMERE + 15_000)
    while True:
        position += _TSS_GAP + rng.gamma(1.1, _TSS_SPACING / 1.1)
        if position > length - TELOMERE - 8_000:
            return tuple(genes)
        index = len(genes) + 1
        gene_id = f"SIMG{number(chrom) * 100_000 + index:011d}"
        name = _symbol(rng, number(chrom), names)
        genes.append(_gene(gene_id, name, chrom, length, int(position), rng))


def _symbol(rng: np.random.Generator, suffix: int, taken: set[str]) -> str:
    """Make up a symbol such as DOVQ3; the number is the chromosome's, so no two chromosomes clash.

    No human gene symbol has the form consonant, vowel, consonant, Q or Z, optional letter, number.
    """
    consonants, vowels = list("BDFGKLMNPRSTV"), list("AEIOU")
    while True:
        letters = (rng.choice(consonants), rng.choice(vowels), rng.choice(consonants))
        name = "".join(letters) + str(rng.choice(["Q", "Z", "QA", "QL", "ZA", "ZL"])) + str(suffix)
        if name not in taken:
            taken.add(name)
            return name


def _gene(
    gene_id: str, name: str, chrom: str, length: int, tss: int, rng: np.random.Generator
) -> Gene:
    """Make one gene; lengths are drawn in the direction of transcription, then laid on a strand."""
    strand: Strand = "+" if rng.random() < 0.5 else "-"
    room = min((length - TELOMERE - tss) if strand == "+" else (tss - TELOMERE), _MAX_GENE)
    coding = rng.random() < 0.9
    n_exons = 1 + min(int(rng.gamma(2.0, 3.0)), 24) if coding else 1 + int(rng.integers(0, 3))
    utr5 = int(np.clip(rng.lognormal(np.log(160), 0.7), 20, 900))
    utr3 = int(np.clip(rng.lognormal(np.log(900), 0.8), 60, 4_000))
    cds = 3 * int(np.clip(rng.lognormal(np.log(380), 0.6), 60, 1_500))
    n_exons = min(n_exons, cds // 40)
    while utr5 + cds + utr3 > room:  # only beside a telomere
        utr3, cds = max(60, utr3 // 2), max(180, cds // 6 * 3)
    spliced = utr5 + cds + utr3
    # Cuts fall in the coding part, so the first exon holds the 5' UTR and the last the 3' UTR.
    cuts = np.sort(rng.choice(np.arange(1, cds // 20), n_exons - 1, replace=False)) * 20 + utr5
    introns = np.clip(rng.lognormal(np.log(1_100), 1.0, n_exons - 1), 90, 20_000)
    if len(introns):
        introns *= min(1.0, (room - spliced) / introns.sum())
    introns = introns.astype(int).clip(1)
    edges = np.concatenate([[0], cuts, [spliced]])
    shift = np.concatenate([[0], introns.cumsum()])
    exons = [(int(a + s), int(b + s)) for a, b, s in zip(edges[:-1], edges[1:], shift, strict=True)]
    coding_span = None
    if coding:
        first = utr5
        last = utr5 + cds + int(shift[-1])
        coding_span = (first, last)

    number_ = gene_id.removeprefix("SIMG")
    transcripts = [_place(f"SIMT{number_}01.1", exons, coding_span, tss, strand, canonical=True)]
    if n_exons >= 4 and rng.random() < 0.5:  # an exon skipped
        skipped = int(rng.integers(1, n_exons - 1))
        rest = [exon for i, exon in enumerate(exons) if i != skipped]
        transcripts.append(_place(f"SIMT{number_}02.1", rest, coding_span, tss, strand))
    if n_exons >= 5 and rng.random() < 0.35:  # a later start, without coding sequence
        later = exons[int(rng.integers(1, n_exons - 2)) :]
        transcripts.append(_place(f"SIMT{number_}03.1", later, None, tss, strand))
    start = min(t.start for t in transcripts)
    end = max(t.end for t in transcripts)
    biotype = "protein_coding" if coding else "lncRNA"
    return Gene(gene_id, name, chrom, start, end, strand, tss, biotype, tuple(transcripts))


def _place(
    transcript_id: str,
    exons: list[tuple[int, int]],
    cds: tuple[int, int] | None,
    tss: int,
    strand: Strand,
    canonical: bool = False,
) -> Transcript:
    """Lay spans counted from the TSS onto the chromosome."""

    def onto(span: tuple[int, int]) -> tuple[int, int]:
        a, b = span
        return (tss + a, tss + b) if strand == "+" else (tss + 1 - b, tss + 1 - a)

    placed = tuple(sorted(onto(exon) for exon in exons))
    return Transcript(
        transcript_id,
        placed[0][0],
        placed[-1][1],
        placed,
        None if cds is None else onto(cds),
        canonical,
    )
