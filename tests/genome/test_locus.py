"""Coordinates: the parser against a table and against bioframe, and round trips."""

import bioframe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2exp.errors import InputError
from seq2exp.genome.locus import (
    Interval,
    from_one_based,
    parse_locus,
    resolve_chrom,
    to_one_based,
)

LENGTHS = {"chr1": 248_956_422, "chr22": 50_818_468, "chrM": 16_569}

chroms = st.sampled_from(["chr1", "22", "chrX", "scaffold_17", "HLA-A*01"])
intervals = st.builds(
    lambda chrom, start, width: Interval(chrom, start, start + width),
    chroms,
    st.integers(0, 3_000_000_000),
    st.integers(1, 300_000_000),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chr1:1,000-2,000", ("chr1", 999, 2000)),
        ("chr1:1000-2000", ("chr1", 999, 2000)),
        (" chr1 : 1000 - 2000 ", ("chr1", 999, 2000)),
        ("chr1:1000–2000", ("chr1", 999, 2000)),
        ("chr1:1000..2000", ("chr1", 999, 2000)),
        ("chr1:7", ("chr1", 6, 7)),
        ("chr1:7-7", ("chr1", 6, 7)),
        ("chr1 1000 2000", ("chr1", 1000, 2000)),
        ("chr1\t1000\t2000\tname\t5\t+", ("chr1", 1000, 2000)),
        ("chr1:1.5Mb-1.7Mb", ("chr1", 1_499_999, 1_700_000)),
        ("chr1:1.5m-1.7m", ("chr1", 1_499_999, 1_700_000)),
        ("chr1:10kb-20.25k", ("chr1", 9_999, 20_250)),
        ("chr1:0.1Mb-200000bp", ("chr1", 99_999, 200_000)),
        ("X:1_000-2_000", ("X", 999, 2000)),
    ],
)
def test_parses_what_people_write(text: str, expected: tuple[str, int, int]) -> None:
    assert parse_locus(text) == Interval(*expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "chr1",
        "chr1:",
        "chr1:a-b",
        "chr1:10-",
        "chr1:-10-20",
        "chr1:1.2345kb-2kb",
        "chr1:1.5-2",
        "chr1:10kk-20",
        "chr1:10-20-30",
        "chr1 10",
        "chr1 10 x",
        "chr1 -5 10",
    ],
)
def test_malformed_locus(text: str) -> None:
    with pytest.raises(InputError, match="is not a locus; write chr1:1,000-2,000"):
        parse_locus(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chr1:2000-1000", "ends before it starts"),
        ("chr1 5 5", "ends before it starts"),
        ("chr1:0-10", "starts before base 1"),
        ("chr22:50,818,000-50,818,469", "lies off chr22, which ends at 50,818,468"),
        ("chrM:1-1Mb", "lies off chrM"),
        ("chr7:1-10", "no chromosome 'chr7'; it has chr1, chr22, chrM"),
    ],
)
def test_impossible_locus(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_locus(text, LENGTHS)


def test_takes_the_name_of_the_genome() -> None:
    assert parse_locus("22:1-50,818,468", LENGTHS) == Interval("chr22", 0, 50_818_468)
    assert parse_locus("MT:1-5", LENGTHS) == Interval("chrM", 0, 5)


@given(intervals)
def test_shown_text_parses_back(interval: Interval) -> None:
    assert parse_locus(str(interval)) == interval


@given(intervals)
def test_bed_text_parses_back(interval: Interval) -> None:
    assert parse_locus(f"{interval.chrom}\t{interval.start}\t{interval.end}") == interval


@given(intervals)
def test_agrees_with_bioframe(interval: Interval) -> None:
    # bioframe reads the numbers of a UCSC string as they stand, so it takes the 0-based ones.
    text = f"{interval.chrom}:{interval.start}-{interval.end}"
    ours = parse_locus(f"{interval.chrom}:{to_one_based(interval.start)}-{interval.end}")
    assert bioframe.parse_region(text) == (ours.chrom, ours.start, ours.end)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        interval = parse_locus(text)
    except InputError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert 0 <= interval.start < interval.end


@given(st.integers())
def test_the_two_conversions_are_inverse(position: int) -> None:
    assert from_one_based(to_one_based(position)) == position
    assert to_one_based(0) == 1


@pytest.mark.parametrize(
    ("name", "available", "expected"),
    [
        ("22", ["chr21", "chr22"], "chr22"),
        ("chr22", ["21", "22"], "22"),
        ("CHR22", ["chr22"], "chr22"),
        ("chrM", ["1", "MT"], "MT"),
        ("MT", ["chr1", "chrM"], "chrM"),
        ("x", ["chrX"], "chrX"),
        ("chr1", ["1", "chr1"], "chr1"),
        ("2", ["chr22", "chr20"], None),
        ("chrUn_1", ["chr1"], None),
    ],
)
def test_resolve_chrom(name: str, available: list[str], expected: str | None) -> None:
    assert resolve_chrom(name, available) == expected


@given(intervals, intervals, st.integers(0, 3_400_000_000))
def test_interval_arithmetic_is_that_of_sets_of_bases(a: Interval, b: Interval, p: int) -> None:
    shared = a.intersection(b)
    assert a.overlaps(b) == (shared is not None)
    inside = a.chrom == b.chrom and a.contains(p) and b.contains(p)
    assert inside == (shared is not None and shared.contains(p))
    assert a.clip(p).width == len(range(a.start, min(a.end, max(p, a.start))))


def test_interval() -> None:
    window = Interval("chr22", -100, 100)
    assert (window.width, window.center) == (200, 0)
    assert window.clip(50) == Interval("chr22", 0, 50)
    assert window.shift(7) == Interval("chr22", -93, 107)
    assert Interval("chr22", 60, 90).clip(50).width == 0
    assert str(Interval("chr22", 37_200_000, 40_600_000)) == "chr22:37,200,001-40,600,000"
    assert sorted([Interval("b", 1, 2), Interval("a", 5, 6), Interval("a", 1, 9)])[0].end == 9
    with pytest.raises(ValueError, match="ends before"):
        Interval("chr1", 5, 4)
