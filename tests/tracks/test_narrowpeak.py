"""narrowPeak text: offsets to absolute summits and back; the real MACS2 file."""

import math

import bioframe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2exp.errors import InputError
from seq2exp.tracks.narrowpeak import (
    COLUMNS,
    format_narrowpeak,
    frame_of,
    parse_narrowpeak,
    place,
    read_narrowpeak,
)

LINE = "chr1\t100\t250\tpeak_1\t2312\t.\t12.6218\t23.0663\t20.2744\t33\n"


def test_a_line_becomes_a_row_with_an_absolute_summit():
    text = "track type=narrowPeak\n# made by hand\n\n" + LINE
    (row,) = parse_narrowpeak(text).itertuples(index=False)
    assert tuple(row) == (
        "chr1", 100, 250, "peak_1", 2312, ".", 12.6218, 23.0663, 20.2744, 133,
    )  # fmt: skip


def test_export_clips_the_score_and_nothing_else():
    peaks = parse_narrowpeak(LINE)
    assert format_narrowpeak(peaks) == LINE.replace("2312", "1000")
    assert format_narrowpeak(peaks, clip=False) == LINE


@pytest.mark.parametrize("value", [-1.0, math.nan, -3.0])
def test_what_is_not_assigned_is_minus_one(value):
    row = ("chr1", 5, 9, "a", -4, ".", value, value, value, -1)
    assert format_narrowpeak(frame_of([row])) == "chr1\t5\t9\ta\t0\t.\t-1\t-1\t-1\t-1\n"


def test_no_summit_stays_none():
    assert parse_narrowpeak(LINE.replace("\t33\n", "\t-1\n"))["summit"].tolist() == [-1]
    assert parse_narrowpeak(LINE.replace("\t33\n", "\t0\n"))["summit"].tolist() == [100]


@given(
    st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(1, 10**5), st.floats(0, 1)).map(
            lambda v: (v[0], v[0] + v[1], v[0] + int(v[2] * (v[1] - 1)))
        ),
        max_size=6,
    )
)
def test_round_trip(spans):
    frame = frame_of(
        [
            ("chrX", s, e, f"p{i}", 7, ".", 1.5, -1.0, 2.0, top)
            for i, (s, e, top) in enumerate(spans)
        ]
    )
    back = parse_narrowpeak(format_narrowpeak(frame))
    assert list(back.columns) == list(COLUMNS)
    assert back.equals(frame)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("chr1\t1\t2\tn\t0\t.\n", "6 columns where narrowPeak has 10"),
        (LINE.replace("100", "x"), "malformed"),
        (LINE.replace("12.6218", ""), "malformed"),
        (LINE.replace("2312", "inf"), "malformed"),
        (LINE.replace("\t250", "\t100"), "do not fit together"),
        (LINE.replace("\t100", "\t-1"), "do not fit together"),
        (LINE.replace("\t33\n", "\t150\n"), "do not fit together"),
        (LINE.replace("\t33\n", "\t-2\n"), "do not fit together"),
    ],
)
def test_what_is_not_narrowpeak_is_named(line, said):
    with pytest.raises(InputError, match=said) as error:
        parse_narrowpeak("# first\n" + line, "mine.narrowPeak")
    assert str(error.value).startswith("mine.narrowPeak, line 2: ")


def test_peaks_are_put_on_the_genome():
    rows = [
        ("22", 10, 60, "a", 1, ".", 1.0, 1.0, 1.0, 55),
        ("chr22", 40, 45, "b", 1, ".", 1.0, 1.0, 1.0, -1),
        ("chrUn", 1, 5, "c", 1, ".", 1.0, 1.0, 1.0, 2),
    ]
    placed = place(frame_of(rows), {"chr22": 50}, {"22": "chr22", "chr22": "chr22"})
    assert placed[["chrom", "start", "end", "summit"]].to_numpy().tolist() == [
        ["chr22", 10, 50, 49],
        ["chr22", 40, 45, -1],
    ]
    assert placed["chrom"].dtype == "str"


def test_the_real_macs2_peaks_stand_where_the_file_says(real_data):
    path = real_data / "k562_chr22" / "K562.DNase.macs2.narrowPeak"
    ours = read_narrowpeak(path)
    assert len(ours) == 1_974
    theirs = bioframe.read_table(path, schema="narrowPeak")
    assert ours["start"].tolist() == theirs["start"].tolist()
    assert ours["end"].tolist() == theirs["end"].tolist()
    assert ours["summit"].tolist() == (theirs["start"] + theirs["relSummit"]).tolist()
    assert ours["q_log10"].tolist() == theirs["-log10q"].tolist()
    # The first line of the file, as `head -1` shows it.
    assert ours.loc[0, ["start", "end", "summit"]].tolist() == [37_205_212, 37_205_620, 37_205_478]
    assert parse_narrowpeak(format_narrowpeak(ours, clip=False)).equals(ours)
