"""Shuffled intervals: where they go, what they share on average, and what is made of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2exp.analysis.compare.counts import Minimum
from seq2exp.analysis.compare.shuffles import Shuffled, enrichments, places, shuffle
from seq2exp.analysis.compare.spans import bp
from seq2exp.analysis.elements import covered, flatten
from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import PADDING_CODE

pieces = st.lists(st.tuples(st.integers(0, 150), st.integers(1, 40)), min_size=1, max_size=5).map(
    lambda rows: flatten(np.array([(first, first + width) for first, width in rows], np.int64))
)


def everywhere(length, allowed):
    """All starts at which an interval fits, one by one."""
    return [
        start
        for first, last in allowed.tolist()
        for start in range(first, last)
        if start + length <= last
    ]


@settings(max_examples=60, deadline=None)
@given(pieces, pieces, st.lists(st.integers(1, 45), min_size=1, max_size=4), st.integers(1, 9))
def test_the_mean_of_shuffles_is_the_mean_over_all_places(allowed, other, widths, least):
    """Against every place in turn; each is as likely as any other."""
    line = np.array([[0, 10_000]])
    starts = np.arange(len(widths)) * 50
    rows = np.stack([starts, starts + widths], 1)
    minimum = Minimum(least)
    found = shuffle(rows, other, line, other, allowed, minimum, 4_000, np.random.default_rng(1))
    bases, hits, deviation, placed = 0.0, 0.0, 0.0, 0
    for width in widths:
        fits = np.array(everywhere(width, allowed), np.int64)
        if len(fits) == 0:
            continue
        shared = covered(other, fits, fits + width)
        bases, hits = bases + shared.mean(), hits + (shared >= least).mean()
        deviation += shared.var()
        placed += 1
    assert (found.placed, found.unplaced) == (placed, len(widths) - placed)
    assert found.drawn[:, 0].mean() == pytest.approx(
        bases, abs=6 * (deviation / 4_000) ** 0.5 + 1e-9
    )
    assert found.drawn[:, 1].mean() == pytest.approx(hits, abs=6 * (placed / 16_000) ** 0.5 + 1e-9)


def test_every_place_that_fits_is_drawn_and_no_other():
    allowed = np.array([[10, 14], [20, 23], [40, 49]])
    row, line = np.array([[100, 104]]), np.array([[0, 200]])
    drawn = []
    for position in range(60):
        only = np.array([[position, position + 1]])
        rng = np.random.default_rng(3)
        found = shuffle(row, only, line, only, allowed, Minimum(), 5_000, rng)
        drawn.append(found.drawn[:, 0].mean())
    # Seven starts fit: 10, and 40 to 45; none in the stretch of three bases.
    expected = np.zeros(60)
    for start in (10, *range(40, 46)):
        expected[start : start + 4] += 1 / 7
    assert np.abs(np.array(drawn) - expected).max() < 0.03
    assert all(drawn[i] == 0 for i in np.flatnonzero(expected == 0))


def test_observed_is_what_is_there_and_what_fits_nowhere_counts_nowhere():
    counted, allowed = np.array([[0, 50], [60, 200]]), np.array([[0, 50], [60, 90]])
    rows = np.array([[40, 70], [100, 160], [52, 58], [10, 20]])
    other = np.array([[45, 50], [60, 62], [100, 200]])
    found = shuffle(rows, other, counted, other, allowed, Minimum(3), 10, np.random.default_rng(0))
    # The second is too long for any place, the third has no counted base.
    assert (found.placed, found.unplaced) == (2, 1)
    assert found.observed.tolist() == [7, 1]
    assert found.drawn.shape == (10, 2)


def test_draws_repeat_with_their_seed():
    rows, allowed = np.array([[0, 10], [20, 40]]), np.array([[0, 500]])
    other, line = np.array([[100, 200]]), np.array([[0, 500]])

    def drawn(seed):
        rng = np.random.default_rng(seed)
        return shuffle(rows, other, line, other, allowed, Minimum(), 50, rng).drawn.tolist()

    assert drawn(4) == drawn(4) != drawn(5)


def test_places_avoid_the_blacklist_and_bases_that_nobody_knows(evaluation_demo):
    dataset = Dataset.load(evaluation_demo)
    (chrom,) = dataset.lengths
    whole = Interval(chrom, 0, dataset.lengths[chrom])
    free = places(dataset, whole)
    allowed = ~dataset.blacklist(whole) & (dataset.genome.codes(whole) != PADDING_CODE)
    inside = np.zeros(whole.width, dtype=bool)
    for first, last in free:
        inside[first:last] = True
    assert (inside == allowed).all()
    assert 0 < bp(free) < whole.width
    part = Interval(chrom, 5_000, 20_000)
    assert bp(places(dataset, part)) == allowed[5_000:20_000].sum()


def test_numbers_of_an_enrichment_by_hand():
    drawn = np.array([[10, 1], [20, 2], [30, 3], [40, 2]])
    gene = Shuffled(np.array([40, 2]), drawn, placed=5, unplaced=1)
    bases, hits = enrichments("learned", "peaks", "window", gene)
    assert (bases.unit, bases.observed, bases.expected, bases.fold) == ("bp", 40, 25, 1.6)
    assert bases.z == pytest.approx(15 / np.std([10, 20, 30, 40], ddof=1))
    assert bases.p_more == 2 / 5 and bases.p_less == 1
    assert (bases.low, bases.high) == pytest.approx((10.75, 39.25))
    assert bases.fold_low == pytest.approx(40 / 39.25) and bases.fold_high == pytest.approx(
        40 / 10.75
    )
    assert (hits.unit, hits.observed, hits.fold, hits.p_more) == ("intervals", 2, 1, 4 / 5)
    assert (hits.placed, hits.unplaced, hits.shuffles) == (5, 1, 4)
    said = bases.sentence()
    assert said == (
        "learned bp shared with peaks: 40, 1.60 times the 25.0 of 4 shuffles within the window "
        "(95 % of them 11 to 39; one-sided p for more 0.4; 1 fit nowhere and are left out)"
    )
    both = gene + gene
    assert both.observed.tolist() == [80, 4] and both.drawn[0].tolist() == [20, 2]
    assert (both.placed, both.unplaced) == (10, 2)


def test_nothing_shared_by_chance_has_no_fold():
    nothing = Shuffled(np.array([0, 0]), np.zeros((4, 2), np.int64), placed=1, unplaced=0)
    for row in enrichments("a", "b", "window", nothing):
        assert row.fold is None and row.fold_low is None and row.z is None
        assert row.p_more == row.p_less == 1
        assert "beside the 0.0 of 4 shuffles" in row.sentence()
