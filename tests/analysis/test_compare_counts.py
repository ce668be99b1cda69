"""Counts and UpSet numbers against bit arrays, bioframe and bedtools, on random intervals."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from interval_references import Bedtools, Bioframe, Bits, batch, case, sets

from seq2exp.analysis.compare.counts import Minimum, count, pool
from seq2exp.analysis.compare.spans import bp, cut, intersect, subtract
from seq2exp.analysis.compare.upset import combinations, pool_combinations
from seq2exp.analysis.elements import flatten
from seq2exp.errors import InputError

minima = st.builds(Minimum, st.integers(1, 12), st.sampled_from([0.0, 0.07, 0.3, 0.5, 1.0]))
# bioframe 0.8 is older than what pandas 3.1 warns of.
quiet = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
# Batches are large, and to shrink one would take an hour.
big = settings(
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def bases_of(counted, a, b, c):
    rows = zip("abc", (a, b, c), strict=True)
    return {name: intersect(flatten(spans), counted) for name, spans in rows}


def combined(counted, a, b, c):
    table = combinations(bases_of(counted, a, b, c))
    return {(row.a, row.b, row.c): [row.regions, row.bp] for row in table.itertuples(index=False)}


def rows_shared(own, shared, minimum):
    """Intervals with a counted base, and those of them that reach the smallest overlap."""
    percent = round(100 * minimum.fraction)
    hits = [
        hit >= minimum.bp and 100 * hit >= percent * one
        for one, hit in zip(own, shared, strict=True)
        if one
    ]
    return len(hits), sum(hits)


def agree(found, bp_a, bp_b, both, rows_a, rows_b):
    """Compare counts with bases and intervals that were counted otherwise."""
    assert (found.bp_a, found.bp_b, found.bp_shared) == (bp_a, bp_b, both)
    either = bp_a + bp_b - both
    assert found.bp_union == either
    assert found.jaccard == (both / either if either else None)
    assert found.precision == (both / bp_a if bp_a else None)
    assert found.recall == (both / bp_b if bp_b else None)
    assert (found.a, found.a_shared) == rows_a
    assert (found.b, found.b_shared) == rows_b


@settings(max_examples=1_000, deadline=None)
@given(case, minima)
def test_a_thousand_random_cases_equal_bit_arrays(sets_of_case, minimum):
    counted, a, b, c = sets_of_case
    bits = Bits(counted, a, b, c)
    found = count(a, b, counted, minimum)
    rows = [rows_shared(*bits.rows(*names), minimum) for names in ("ab", "ba")]
    agree(found, bits.bp("a"), bits.bp("b"), bits.bp("a", "b"), *rows)
    assert found.bp_counted == bits.counted.sum()
    assert combined(*sets_of_case) == bits.combinations()


def equal_bioframe(cases, minimum):
    bioframe = Bioframe(cases)
    rows = zip(bioframe.rows("a", "b"), bioframe.rows("b", "a"), strict=True)
    bases = zip(*(bioframe.bp(*names) for names in ("a", "b", "ab")), strict=True)
    for one, sizes, (of_a, of_b), expected in zip(
        cases, bases, rows, bioframe.combinations(), strict=True
    ):
        counted, a, b, _ = one
        found = count(a, b, counted, minimum)
        agree(found, *sizes, rows_shared(*of_a, minimum), rows_shared(*of_b, minimum))
        assert combined(*one) == expected


@quiet
@settings(big, max_examples=5)
@given(batch, minima)
def test_a_hundred_random_cases_equal_bioframe(cases, minimum):
    equal_bioframe(cases, minimum)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@quiet
@settings(big, max_examples=50)
@given(batch, minima)
def test_a_thousand_random_cases_equal_bioframe(cases, minimum):
    equal_bioframe(cases, minimum)


@pytest.mark.skipif(shutil.which("bedtools") is None, reason="bedtools is not installed")
@settings(big, max_examples=50)
@given(batch)
def test_a_thousand_random_cases_equal_bedtools(cases):
    counts, expected = [], []
    with tempfile.TemporaryDirectory() as folder:
        bedtools = Bedtools(cases, Path(folder))
        rows = zip(bedtools.rows("a", "b"), bedtools.rows("b", "a"), strict=True)
        expected = zip(cases, rows, bedtools.combinations(), strict=True)
        both, either, jaccard = bedtools.jaccard("a", "b")
    for one, (of_a, of_b), bases in expected:
        counted, a, b, _ = one
        counts.append(count(a, b, counted, Minimum()))
        assert (counts[-1].a, counts[-1].a_shared) == of_a
        assert (counts[-1].b, counts[-1].b_shared) == of_b
        assert {code: bp for code, (_, bp) in combined(*one).items()} == bases
    total = pool(counts)
    assert (total.bp_shared, total.bp_union) == (both, either)
    assert total.jaccard == pytest.approx(jaccard, abs=1e-5)  # it prints six digits


@settings(max_examples=200, deadline=None)
@given(sets, sets)
def test_spans_add_up(a, b):
    a, b = flatten(a), flatten(b)
    both, only = intersect(a, b), subtract(a, b)
    assert bp(both) + bp(only) == bp(a)
    for spans in (both, only):
        assert (np.diff(spans.ravel()) > 0).all()  # sorted, disjoint, none touching
    stretches, member = cut([a, b])
    lengths = stretches[:, 1] - stretches[:, 0]
    assert lengths[member.any(1)].sum() == bp(flatten(np.concatenate([a, b])))


@settings(max_examples=50, deadline=None)
@given(st.lists(case, min_size=1, max_size=4), minima)
def test_over_windows_everything_counts_once_for_each(windows, minimum):
    parts = [count(a, b, counted, minimum) for counted, a, b, _ in windows]
    tables = [combinations(bases_of(*window)) for window in windows]
    total = pool(parts)
    assert total.genes == len(windows)
    for name in ("a", "a_shared", "b", "b_only", "bp_counted", "bp_union", "bp_shared"):
        assert getattr(total, name) == sum(getattr(part, name) for part in parts)
    assert total.min_overlap == minimum.bp
    joined = pool_combinations(tables)
    assert joined["bp"].sum() == sum(table["bp"].sum() for table in tables)
    assert joined["regions"].sum() == sum(table["regions"].sum() for table in tables)
    assert ((joined["bp"] > 0) | (joined["regions"] > 0)).all()


def test_an_interval_counts_by_what_of_it_counts():
    """By hand: a window of 100 bp whose promoter is 40 to 60."""
    counted = np.array([[0, 40], [60, 100]])
    a = np.array([[30, 70], [45, 55], [90, 120]])  # across the promoter, inside it, over the end
    b = np.array([[-20, 35], [50, 62], [99, 105]])
    found = count(a, b, counted, Minimum())
    assert (found.a, found.a_shared) == (2, 2)  # the one inside the promoter is nobody's
    assert (found.b, found.b_shared) == (3, 3)
    assert (found.bp_a, found.bp_b, found.bp_shared) == (30, 38, 8)
    assert found.bp_counted == 80
    assert found.jaccard == pytest.approx(8 / 60)
    # 5 + 2 of the first one's 20 counted bp are covered, 1 of the third one's 10.
    assert count(a, b, counted, Minimum(7)).a_shared == 1
    assert count(a, b, counted, Minimum(8)).a_shared == 0
    assert count(a, b, counted, Minimum(1, 0.35)).a_shared == 1
    assert count(a, b, counted, Minimum(1, 0.36)).a_shared == 0
    assert count(a, b, counted, Minimum(1, 0.1)).a_shared == 2


def test_a_share_of_an_interval_is_not_lost_to_rounding():
    a, b = np.array([[0, 100]]), np.array([[0, 7]])
    counted = np.array([[0, 200]])
    assert count(a, b, counted, Minimum(1, 0.07)).a_shared == 1
    assert count(a, b, counted, Minimum(1, 0.071)).a_shared == 0


def test_in_words_with_unit_denominator_and_minimum():
    counted = np.array([[0, 1_000]])
    a, b = np.array([[0, 10], [20, 30]]), np.array([[5, 25]])
    assert count(a, b, counted, Minimum(5)).sentences() == [
        "2 of 2 learned elements overlap peaks by at least 5 bp",
        "1 of 1 peaks overlap learned elements by at least 5 bp",
        "10 of 20 bp of learned elements lie in peaks (0.5)",
        "10 of 20 bp of peaks lie in learned elements (0.5)",
        "10 of 30 bp of either lie in both (Jaccard 0.333)",
        "learned elements cover 20 of 1,000 counted bp (0.02)",
        "peaks cover 20 of 1,000 counted bp (0.02)",
    ]
    assert "by at least 1 bp and 20 % of it" in count(a, b, counted, Minimum(1, 0.2)).sentences()[0]
    nothing = count(a[:0], b[:0], counted, Minimum())
    assert nothing.jaccard is None and nothing.precision is None and nothing.recall is None
    assert nothing.ratio_a == 0
    assert count(a, b, counted[:0], Minimum()).ratio_a is None


@pytest.mark.parametrize(("bp_", "fraction"), [(0, 0), (-3, 0), (1, -0.1), (1, 1.5)])
def test_an_impossible_smallest_overlap_is_refused(bp_, fraction):
    with pytest.raises(InputError, match="smallest overlap"):
        Minimum(bp_, fraction)


def test_counts_by_different_rules_do_not_add_up():
    one = np.array([[0, 10]])
    with pytest.raises(ValueError, match="one smallest overlap"):
        pool([count(one, one, one, Minimum(1)), count(one, one, one, Minimum(2))])
    with pytest.raises(ValueError, match="one smallest overlap"):
        pool([])


def test_sets_in_one_region_need_not_share_a_base():
    """By hand: a and b touch, so they are one region of the union, but no base is in both."""
    table = combinations({"a": np.array([[0, 10]]), "b": np.array([[10, 15], [50, 60]])})
    found = {(row.a, row.b): (row.regions, row.bp) for row in table.itertuples(index=False)}
    assert found == {(True, False): (0, 10), (False, True): (1, 15), (True, True): (1, 0)}
    joined = pool_combinations([table, table])
    assert joined["combination"].tolist() == ["b", "a & b", "a"]
    assert joined["regions"].tolist() == [2, 2, 0]
    assert joined["bp"].tolist() == [30, 0, 20]


def test_too_many_sets_are_refused():
    with pytest.raises(InputError, match="9 sets"):
        combinations({str(i): np.array([[0, 1]]) for i in range(9)})
