"""The window's geometry: centre, promoter, one-hot, padding and cropping."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import FEATURES, SIGNALS, Window, pad_to


def window(length: int = 4_000, pad_left: int = 0, pad_right: int = 0) -> Window:
    rng = np.random.default_rng(1)
    gene = Gene("g", "G", "chr1", 0, 9, "+", length // 2 - pad_left, "", ())
    start = gene.tss - length // 2
    return Window(
        gene=gene,
        cell="K562",
        interval=Interval("chr1", start, start + length),
        codes=rng.integers(0, 5, length).astype(np.uint8),
        signals=rng.random((length, 3), dtype=np.float32),
        blacklist=rng.random(length) < 0.1,
        features=np.zeros(len(FEATURES), np.float32),
        label=None,
        label_name="CAGE",
        pad_left=pad_left,
        pad_right=pad_right,
        contact_source="none",
    )


@given(st.integers(-50, 150), st.integers(0, 60), st.integers(1, 100))
def test_padding_keeps_every_base_in_its_place(start: int, width: int, length: int) -> None:
    interval = Interval("chr1", start, start + width)
    clipped = interval.clip(length)
    chromosome = np.arange(1, length + 1)
    padded = pad_to(chromosome[clipped.start : clipped.end], interval, clipped, 0)
    expected = [p + 1 if 0 <= p < length else 0 for p in range(start, start + width)]
    assert padded.tolist() == expected


def test_padding_rows_and_refusing_other_widths() -> None:
    interval, clipped = Interval("chr1", -2, 2), Interval("chr1", 0, 2)
    rows = pad_to(np.ones((2, 3), dtype=np.float32), interval, clipped, 7)
    assert rows.dtype == np.float32
    assert rows.tolist() == [[7] * 3, [7] * 3, [1] * 3, [1] * 3]
    with pytest.raises(ValueError, match="3 values for 2 bases"):
        pad_to(np.ones(3), interval, clipped, 0)


def test_geometry_of_the_published_window() -> None:
    whole = window(200_000)
    assert whole.tss_index == 100_000
    assert whole.promoter == slice(99_000, 101_000)
    assert whole.interval.start + whole.tss_index == whole.gene.tss
    assert SIGNALS == ("H3K27ac", "DNase", "Hi-C")


def test_one_hot_and_letters() -> None:
    small = window(10)
    text = small.sequence
    assert [("ACGTN").index(base) for base in text] == small.codes.tolist()
    for row, base in zip(small.one_hot, text, strict=True):
        assert row.tolist() == [float(base == letter) for letter in "ACGT"]
    assert small.one_hot.dtype == np.float32


def test_crop_keeps_the_tss_in_the_middle() -> None:
    whole = window(4_000, pad_left=1_500, pad_right=100)
    part = whole.crop(2_000)
    assert part.length == 2_000
    assert part.interval.start + part.tss_index == whole.gene.tss
    assert (part.pad_left, part.pad_right) == (500, 0)
    np.testing.assert_array_equal(part.codes, whole.codes[1_000:3_000])
    np.testing.assert_array_equal(part.signals, whole.signals[1_000:3_000])
    np.testing.assert_array_equal(part.blacklist, whole.blacklist[1_000:3_000])
    assert part.promoter == slice(0, 2_000)
    assert whole.crop(4_000).interval == whole.interval
    assert whole.crop(100).promoter == slice(0, 100)


@pytest.mark.parametrize("length", [0, 3, 4_002, -2])
def test_impossible_crop(length: int) -> None:
    with pytest.raises(ValueError, match="even length"):
        window().crop(length)
