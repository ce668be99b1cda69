"""Elements against per-base brute force and bioframe."""

from dataclasses import dataclass
from types import SimpleNamespace

import bioframe
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2exp.analysis.elements import (
    call_elements,
    covered,
    elements_frame,
    merge_runs,
    overlap,
    peaks_ratio,
    runs,
    selection,
    union,
)
from seq2exp.genome.locus import Interval
from seq2exp.model.beta import BetaPrior, MaskPosterior

masks = st.lists(st.booleans(), min_size=1, max_size=60).map(lambda v: np.array(v, dtype=bool))


@dataclass(frozen=True)
class MaskRule:
    mode: str
    threshold: float = 0.5
    fraction: float = 0.1


def frame(*spans, chrom="chr1"):
    return pd.DataFrame(
        {
            "chrom": [chrom] * len(spans),
            "start": np.array([s for s, _ in spans], dtype=np.int64),
            "end": np.array([e for _, e in spans], dtype=np.int64),
        }
    )


def slow_stretches(selected, low, high, gap, min_length):
    """One base after the other, as one would do it by hand."""
    found, start, last = [], None, None
    for i in range(low, high):
        if not selected[i]:
            continue
        if start is None:
            start = i
        elif i - last - 1 > gap:
            found.append((start, last + 1))
            start = i
        last = i
    if start is not None:
        found.append((start, last + 1))
    return [(s, e) for s, e in found if e - s >= min_length]


@settings(deadline=None)
@given(
    masks,
    st.integers(1, 6),
    st.integers(0, 5),
    st.integers(0, 60),
    st.integers(0, 20),
    st.booleans(),
    st.integers(-30, 30),
)
def test_elements_equal_a_walk_along_the_bases(
    selected, min_length, gap, promoter_start, promoter_width, include, origin
):
    size = len(selected)
    rng = np.random.default_rng(size)
    mean = rng.random(size).astype(np.float32)
    low = min(promoter_start, size)
    high = min(low + promoter_width, size)
    found = call_elements(
        mean,
        Interval("chr1", origin, origin + size),
        selected,
        min_length,
        gap,
        slice(low, high),
        include_promoter=include,
    )
    if include:
        expected = slow_stretches(selected, 0, size, gap, min_length)
    else:
        expected = slow_stretches(selected, 0, low, gap, min_length) + slow_stretches(
            selected, high, size, gap, min_length
        )
    assert [(e.interval.start - origin, e.interval.end - origin) for e in found] == expected
    for element, (start, end) in zip(found, expected, strict=True):
        inside = mean[start:end].tolist()
        assert element.max_mask == max(inside)
        assert element.summit - origin == start + inside.index(max(inside))
        assert element.mean_mask == pytest.approx(sum(inside) / len(inside))
        touches = any(low <= i < high for i in range(start, end))
        assert element.kind == ("promoter" if touches else "distal")
    assert [e.name for e in found] == [f"element_{i + 1}" for i in range(len(found))]


# bioframe 0.8 is older than what pandas 3.1 warns of.
@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
@settings(deadline=None)
@given(masks, st.integers(0, 5))
def test_merging_equals_bioframe(selected, gap):
    ours = merge_runs(runs(selected), gap)
    if not selected.any():
        assert len(ours) == 0
        return
    theirs = bioframe.merge(frame(*runs(selected)), min_dist=gap)
    assert ours.tolist() == theirs[["start", "end"]].to_numpy().tolist()


def test_a_stretch_through_the_promoter_keeps_its_parts_outside():
    selected = np.zeros(100, dtype=bool)
    selected[35:70] = True
    window = Interval("chr1", 1_000, 1_100)
    args = (np.full(100, 0.5), window, selected, 5, 50, slice(40, 60))
    assert [str(e.interval) for e in call_elements(*args)] == [
        "chr1:1,036-1,040",
        "chr1:1,061-1,070",
    ]
    (whole,) = call_elements(*args, include_promoter=True)
    assert (whole.interval.start, whole.interval.end, whole.kind) == (1_035, 1_070, "promoter")


def test_padding_belongs_to_no_element():
    window = Interval("chr1", -20, 80)
    (element,) = call_elements(
        np.ones(100),
        window,
        np.ones(100, dtype=bool),
        1,
        0,
        slice(0, 0),
        bounds=Interval("chr1", 0, 50),
    )
    assert element.interval == Interval("chr1", 0, 50)
    assert (
        call_elements(
            np.ones(100),
            Interval("chr1", 100, 200),
            np.ones(100, dtype=bool),
            1,
            0,
            slice(0, 0),
            bounds=Interval("chr1", 0, 90),
        )
        == []
    )


def test_the_arrays_must_fit_the_window():
    with pytest.raises(ValueError, match="one value for each"):
        call_elements(np.ones(9), Interval("chr1", 0, 10), np.ones(10), 1, 0, slice(4, 6))


def test_frame_has_its_columns_even_without_elements():
    empty = elements_frame([])
    assert empty["start"].dtype == np.int64 and len(empty) == 0
    found = call_elements(
        np.array([0.1, 0.9, 0.8]), Interval("chr1", 5, 8), [False, True, True], 1, 0, slice(0, 0)
    )
    row = elements_frame(found).iloc[0]
    assert (row["start"], row["end"], row["length"], row["summit"]) == (6, 8, 2, 6)
    assert list(empty.columns) == list(elements_frame(found).columns)


def test_selection_follows_the_rule():
    posterior = SimpleNamespace(
        hard=lambda threshold: np.array([0.0, threshold, 1.0]) >= 0.4,
        top=lambda fraction: np.array([0.0, 0.0, 1.0], dtype=np.float32),
    )
    for mode, expected in (
        ("soft", [False, True, True]),
        ("hard", [False, True, True]),
        ("top", [False, False, True]),
    ):
        rule = MaskRule(mode, fraction=0.3)
        assert selection(posterior, rule).tolist() == expected
    with pytest.raises(ValueError, match="unknown mask rule"):
        selection(posterior, MaskRule("odd"))


def test_a_posterior_becomes_elements():
    """From the network's result to elements: by hand for a window of 12 bases."""
    mean = np.array([0.9, 0.9, 0.1, 0.8, 0.2, 0.3, 0.3, 0.7, 0.7, 0.1, 0.6, 0.6], dtype=np.float32)
    closed = np.zeros(12, dtype=bool)
    closed[10] = True
    posterior = MaskPosterior(
        alpha=10 * mean,
        beta=10 * (1 - mean),
        prior=BetaPrior(1.0, 9.0),
        evidence=np.repeat(2.5 * mean[:, None], 4, axis=1),
        forced_open=slice(5, 8),
        closed=closed,
    )
    window = Interval("chr1", 100, 112)

    def called(rule, min_length=1, gap=0, include=False):
        elements = call_elements(
            posterior.mean,
            window,
            selection(posterior, rule),
            min_length,
            gap,
            posterior.forced_open,
            include,
        )
        return [(e.interval.start, e.interval.end, e.kind) for e in elements]

    hard = MaskRule("hard", threshold=0.5)
    distal = "distal"
    assert called(hard) == [
        (100, 102, distal), (103, 104, distal), (108, 109, distal), (111, 112, distal),
    ]  # fmt: skip
    assert called(MaskRule("soft", threshold=0.5)) == called(hard)
    assert called(hard, gap=1) == [(100, 104, distal), (108, 109, distal), (111, 112, distal)]
    assert called(hard, min_length=2) == [(100, 102, distal)]
    assert called(hard, gap=1, include=True) == [(100, 109, "promoter"), (111, 112, distal)]
    # Three bases are the promoter, the next three the highest means outside.
    assert called(MaskRule("top", fraction=0.5)) == [(100, 102, distal), (103, 104, distal)]


spans = st.lists(
    st.tuples(st.integers(-10, 70), st.integers(1, 25)).map(lambda v: (v[0], v[0] + v[1])),
    max_size=8,
)


@settings(deadline=None)
@given(spans, spans, st.integers(1, 6))
def test_overlap_equals_counting_bases(a_spans, b_spans, min_overlap):
    window = Interval("chr1", 0, 60)
    a, b = frame(*a_spans), frame(*b_spans)
    b = pd.concat([b, frame((0, 60), chrom="chr2")], ignore_index=True)

    def bases(spans):
        return {i for s, e in spans for i in range(max(s, 0), min(e, 60))}

    def rows(spans, other):
        inside = [bases([span]) for span in spans if bases([span])]
        return len(inside), sum(len(own & other) >= min_overlap for own in inside)

    result = overlap(a, b, window, min_overlap)
    in_a, in_b = bases(a_spans), bases(b_spans)
    assert result.bp_shared == len(in_a & in_b)
    assert result.bp_a_only == len(in_a - in_b)
    assert result.bp_b_only == len(in_b - in_a)
    assert (result.a_shared + result.a_only, result.a_shared) == rows(a_spans, in_b)
    assert (result.b_shared + result.b_only, result.b_shared) == rows(b_spans, in_a)
    assert peaks_ratio(b, window) == pytest.approx(len(in_b) / 60)
    mirrored = overlap(b, a, window, min_overlap)
    assert mirrored.bp_fraction_b == result.bp_fraction_a
    assert mirrored.fraction_a == result.fraction_b


def test_overlap_in_words_names_unit_denominator_and_minimum():
    result = overlap(frame((0, 10), (20, 30)), frame((5, 25)), Interval("chr1", 0, 50), 5)
    assert result.sentences() == (
        "2 of 2 learned elements overlap peaks by at least 5 bp",
        "1 of 1 peaks overlap learned elements by at least 5 bp",
        "10 of 20 bp of learned elements lie in peaks",
        "10 of 20 bp of peaks lie in learned elements",
    )
    nothing = overlap(frame(), frame(), Interval("chr1", 0, 50))
    assert nothing.fraction_a is None and nothing.bp_fraction_b is None
    with pytest.raises(ValueError, match="1 bp"):
        overlap(frame(), frame(), Interval("chr1", 0, 50), 0)


def test_covered_and_union_at_the_edges():
    spans = union(frame((0, 10), (2, 4), (10, 12), (20, 20)), Interval("chr1", 0, 50))
    assert spans.tolist() == [[0, 12]]
    assert covered(spans, [0, 11, 12], [12, 13, 14]).tolist() == [12, 1, 0]
