"""Edits of a window: each against values written out by hand, and the way to a file and back."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windows import TSS, make_window

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import BASES, SIGNALS
from seq2exp.inference.perturb import Edit, apply_edits

START = TSS - 600


def at(first, last):
    """Indices of the window as an interval."""
    return Interval("chr1", START + first, START + last)


def arrays(window):
    return window.codes.copy(), window.signals.copy(), window.blacklist.copy()


def same(window, before):
    now = (window.codes, window.signals, window.blacklist)
    return all(np.array_equal(a, b) for a, b in zip(now, before, strict=True))


def by_hand(window, edits):
    """Codes, signals and closed bases, one base after another."""
    codes = [int(code) for code in window.codes]
    signals = [[float(value) for value in row] for row in window.signals]
    closed = [False] * window.length
    for edit in edits:
        first, last = (p - window.interval.start for p in (edit.interval.start, edit.interval.end))
        inside = [i for i in range(first, last) if 0 <= i < window.length]
        if edit.action == "flatten":
            channel = SIGNALS.index(edit.signal)
            a, b = inside[0], inside[-1] + 1
            left = [signals[i][channel] for i in range(max(a - 200, 0), a)]
            right = [signals[i][channel] for i in range(b, min(b + 200, window.length))]
            means = [sum(side) / len(side) for side in (left, right) if side]
            low, high = (means[0], means[-1]) if means else (0.0, 0.0)
        for i in inside:
            if edit.action == "close":
                closed[i] = True
            elif edit.action == "neutralise":
                codes[i], signals[i][0], signals[i][1] = 4, 0.0, 0.0
            elif edit.action == "substitute":
                codes[i] = BASES.index(edit.bases[i - first])
            elif edit.action == "paint":
                signals[i][SIGNALS.index(edit.signal)] = edit.value
            elif edit.action == "scale" and edit.signal == "Hi-C":
                contact = 10 ** signals[i][2] - 1
                signals[i][2] = np.log10(1 + edit.value * contact)
            elif edit.action == "scale":
                signals[i][SIGNALS.index(edit.signal)] *= edit.value
            else:
                share = (i - a + 1) / (b - a + 1)
                signals[i][SIGNALS.index(edit.signal)] = low + share * (high - low)
    return codes, signals, closed


EDITS = [
    Edit(at(100, 180), "close"),
    Edit(at(0, 1200), "close"),
    Edit(at(300, 301), "neutralise"),
    Edit(at(410, 414), "substitute", bases="ACNT"),
    Edit(at(50, 90), "scale", "DNase", 0.25),
    Edit(at(50, 90), "scale", "Hi-C", 3.0),
    Edit(at(500, 800), "flatten", "H3K27ac"),
    Edit(at(0, 10), "flatten", "DNase"),
    Edit(at(1195, 1200), "flatten", "Hi-C"),
    Edit(at(0, 1200), "flatten", "DNase"),
    Edit(at(700, 702), "paint", "Hi-C", 0.5),
    Edit(at(-40, 5), "substitute", bases="ACGTN" * 9),
    Edit(at(1190, 1300), "paint", "DNase", 7.0),
]


@pytest.mark.parametrize("edit", EDITS, ids=Edit.describe)
def test_one_edit_by_hand_and_the_original_stays(edit):
    window = make_window()
    before = arrays(window)
    found = apply_edits(window, [edit])
    codes, signals, closed = by_hand(window, [edit])
    np.testing.assert_array_equal(found.window.codes, codes)
    np.testing.assert_allclose(found.window.signals, signals, rtol=2e-6, atol=1e-6)
    np.testing.assert_array_equal(found.closed, closed)
    assert found.window.signals.dtype == np.float32 and found.window.codes.dtype == np.uint8
    assert found.on_inputs == (edit.action != "close")
    assert same(window, before)
    assert (found.window.interval, found.window.gene) == (window.interval, window.gene)


def test_edits_follow_each_other_and_are_undone_one_by_one():
    window = make_window()
    edits = [
        Edit(at(10, 60), "paint", "DNase", 2.0),
        Edit(at(30, 80), "scale", "DNase", 3.0),
        Edit(at(40, 50), "neutralise"),
        Edit(at(45, 55), "close"),
    ]
    for count in range(len(edits) + 1):
        found = apply_edits(window, edits[:count])
        codes, signals, closed = by_hand(window, edits[:count])
        np.testing.assert_allclose(found.window.signals, signals, rtol=2e-6)
        np.testing.assert_array_equal(found.window.codes, codes)
        np.testing.assert_array_equal(found.closed, closed)
    turned = apply_edits(window, [edits[1], edits[0]]).window.signals
    assert not np.array_equal(turned, apply_edits(window, edits[:2]).window.signals)
    assert apply_edits(window, []).window.codes is window.codes


intervals = st.builds(
    lambda start, width: Interval("chr1", start, start + width),
    st.integers(-1000, 10**9),
    st.integers(1, 30),
)
values = st.floats(0, 1e6)
some_edits = st.one_of(
    st.builds(Edit, intervals, st.sampled_from(["close", "neutralise"])),
    st.builds(Edit, intervals, st.just("flatten"), st.sampled_from(SIGNALS)),
    st.builds(
        Edit, intervals, st.sampled_from(["scale", "paint"]), st.sampled_from(SIGNALS), values
    ),
    intervals.flatmap(
        lambda place: st.builds(
            lambda bases: Edit(place, "substitute", bases=bases),
            st.text("ACGTN", min_size=place.width, max_size=place.width),
        )
    ),
)


@settings(deadline=None)
@given(some_edits)
def test_a_file_brings_back_the_same_edit(edit):
    content = json.loads(json.dumps(edit.to_dict()))
    assert Edit.from_dict(content, "session.json") == edit
    assert None not in content.values()


@pytest.mark.parametrize("place", [at(-50, 0), at(1200, 1300), Interval("chr2", START, START + 9)])
def test_a_span_outside_the_window_is_refused(place):
    with pytest.raises(InputError, match=r"no base in the window of GENE1, chr1:999,401-1,000,600"):
        apply_edits(make_window(), [Edit(place, "close")])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"action": "open"}, "no edit 'open'"),
        ({"action": "scale", "value": 2.0}, "one of H3K27ac, DNase, Hi-C, not ''"),
        ({"action": "scale", "signal": "ATAC", "value": 2.0}, "not 'ATAC'"),
        ({"action": "close", "signal": "DNase"}, "no signal"),
        ({"action": "scale", "signal": "DNase"}, "has a value"),
        ({"action": "flatten", "signal": "DNase", "value": 1.0}, "has a value"),
        ({"action": "paint", "signal": "DNase", "value": -1.0}, "-1"),
        ({"action": "paint", "signal": "DNase", "value": float("nan")}, "nan"),
        ({"action": "substitute"}, "has bases"),
        ({"action": "close", "bases": "A"}, "has bases"),
        ({"action": "substitute", "bases": "ACGU"}, "no bases"),
        ({"action": "substitute", "bases": "ACG"}, r"3 bases do not fit .* \(4 bp\)"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        Edit(at(0, 4), **arguments)
    with pytest.raises(InputError, match="covers no base"):
        Edit(at(4, 4), "close")


GOOD = {"action": "close", "chrom": "chr1", "start": 5, "end": 9}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (3, "is not an object"),
        ({**GOOD, "colour": "red"}, "'colour' is not a key"),
        ({**GOOD, "start": "5"}, "'start' is '5'; give a whole number"),
        ({**GOOD, "start": 10}, "ends before it starts"),
        ({**GOOD, "start": True}, "'start' is True"),
        ({**GOOD, "end": 5}, "covers no base"),
        ({"action": "close", "chrom": "chr1", "start": 1}, "'end' is missing"),
    ],
)
def test_what_is_wrong_in_a_file_is_refused_with_its_place(content, said):
    with pytest.raises(InputError, match=f"session.json, number 1.*{said}") as error:
        Edit.from_dict(content, "session.json, number 1")
    assert "\n" not in str(error.value)
