"""Motifs: the matrices, and that what is planted stands in the FASTA."""

import numpy as np
import pytest

from seq2exp.datasets.simulate import plan
from seq2exp.datasets.simulate.elements import FACTORS, make_elements
from seq2exp.datasets.simulate.layout import make_layout
from seq2exp.datasets.simulate.motifs import (
    BROKEN,
    INTACT,
    MOTIFS,
    break_site,
    from_consensus,
    reverse_complement,
    sample_site,
    scan,
)
from seq2exp.datasets.simulate.sequence import make_sequence

CODE = {"A": 0, "C": 1, "G": 2, "T": 3, "N": 4}


def codes(text: str) -> np.ndarray:
    return np.array([CODE[letter] for letter in text], dtype=np.uint8)


@pytest.fixture(scope="module")
def planted() -> tuple:
    layout = make_layout(1, plan.TINY)
    elements = make_elements(1, layout)
    return layout, elements, make_sequence(1, layout, elements)


def test_matrix_of_a_consensus() -> None:
    motif = from_consensus("x", "ARN", specificity=0.9)
    np.testing.assert_allclose(
        motif.probabilities,
        [[0.9, 0.1 / 3, 0.1 / 3, 0.1 / 3], [0.45, 0.05, 0.45, 0.05], [0.25] * 4],
    )
    assert motif.best == pytest.approx(np.log2(0.9 / 0.25) + np.log2(0.45 / 0.25))
    assert motif.score(codes("ACT")) == pytest.approx(np.log2(0.9 / 0.25) + np.log2(0.05 / 0.25))


def test_reverse_complement() -> None:
    assert reverse_complement(codes("AACGTN")).tolist() == codes("NACGTT").tolist()


@pytest.mark.parametrize("name", sorted(MOTIFS))
def test_intact_and_broken_sites(name: str) -> None:
    rng = np.random.default_rng(0)
    motif = MOTIFS[name]
    for _ in range(20):
        site = sample_site(motif, rng)
        assert motif.score(site) >= INTACT * motif.best
        broken = break_site(motif, site, rng)
        assert motif.score(broken) < BROKEN * motif.best
        assert 0 < (broken != site).sum() <= motif.width


def test_scan_agrees_with_counting_letter_by_letter() -> None:
    rng = np.random.default_rng(1)
    motif = MOTIFS["GATA1"]
    sequence = rng.integers(0, 5, 60).astype(np.uint8)
    scores = scan(motif, sequence)
    for start in range(len(sequence) - motif.width + 1):
        both = []
        for site in (sequence[start : start + motif.width],):
            for strand in (site, reverse_complement(site)):
                pairs = zip(strand, motif.log_odds, strict=True)
                both.append(sum(row[base] for base, row in pairs if base < 4))
        assert scores[start] == pytest.approx(max(both))


def test_planted_sites_stand_in_the_sequence(planted: tuple) -> None:
    _, elements, sequence = planted
    sites = [site for element in elements for site in element.sites]
    assert len(sites) > 100
    for site in sites:
        motif = MOTIFS[site.factor]
        found = sequence[site.start : site.start + motif.width]
        oriented = found if site.strand == "+" else reverse_complement(found)
        share = motif.score(oriented) / motif.best
        assert share >= INTACT if site.intact else share < BROKEN


def test_active_enhancers_have_two_intact_motifs_of_their_cell(planted: tuple) -> None:
    _, elements, _ = planted
    for element in elements:
        n = [sum(s.intact and s.factor in FACTORS[c] for s in element.sites) for c in (0, 1)]
        if element.kind == "enhancer":
            assert max(element.activity) > 0
            assert all(
                (a > 0) == (count >= 2) for a, count in zip(element.activity, n, strict=True)
            )
        if element.kind == "broken_motif":
            assert n == [0, 0] and len(element.sites) >= 2 and max(element.dnase) > 0
        if element.kind != "enhancer":
            assert max(element.activity) == 0


def test_broken_elements_cannot_be_told_by_scanning_for_intact_ones(planted: tuple) -> None:
    """Scanned blindly, an intact enhancer has more strong sites than a broken one."""
    _, elements, sequence = planted
    hits: dict[str, list[int]] = {"enhancer": [], "broken_motif": []}
    for element in elements:
        if element.kind not in hits:
            continue
        span = sequence[element.center - 120 : element.center + 120]
        n = 0
        for name in (*FACTORS[0], *FACTORS[1]):
            n += int((scan(MOTIFS[name], span) >= INTACT * MOTIFS[name].best).sum())
        hits[element.kind].append(n)
    assert np.mean(hits["enhancer"]) > np.mean(hits["broken_motif"]) + 1.5


def test_elements_stand_apart(planted: tuple) -> None:
    layout, elements, sequence = planted
    distal = [e for e in elements if e.kind != "promoter"]
    centers = np.array([e.center for e in distal])
    assert np.diff(np.sort(centers)).min() >= 600
    tss = np.array([gene.tss for gene in layout.genes])
    assert np.abs(centers[:, None] - tss).min() >= plan.PROMOTER_HALF
    for start, end in layout.artefacts:
        assert not ((centers > start - 300) & (centers < end + 300)).any()
    assert (sequence[: plan.TELOMERE] == 4).all() and (sequence[-plan.TELOMERE :] == 4).all()
    assert (sequence[plan.TELOMERE : -plan.TELOMERE] < 4).all()


def test_background_lacks_cpg(planted: tuple) -> None:
    _, elements, sequence = planted
    far = np.ones(len(sequence), bool)
    for element in elements:
        far[max(0, element.center - 1000) : element.center + 1000] = False
    c, g = (sequence == 1) & far, (sequence == 2) & far
    observed = (c[:-1] & g[1:]).sum()
    expected = c.sum() * g.sum() / far.sum()
    assert observed / expected < 0.6
