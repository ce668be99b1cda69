"""BED and narrowPeak, read back with our reader and with bioframe."""

import bioframe
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2exp.analysis.elements import Element, elements_frame
from seq2exp.errors import InputError
from seq2exp.export.bed import (
    parse_bed,
    read_bed,
    rgb,
    track_line,
    write_bed6,
    write_bed9,
    write_narrowpeak,
)
from seq2exp.genome.locus import Interval
from seq2exp.tracks.narrowpeak import parse_narrowpeak

ELEMENTS = elements_frame(
    [
        Element(Interval("chr1", -5, 100), 40, 0.51249, 0.9, "distal", "element_1"),
        Element(Interval("chr1", 200, 300), 299, 1.0, 1.0, "distal", "near MYC\tTSS"),
        Element(Interval("chr1", 990, 1_100), 1_000, 0.0004, 0.1, "promoter", "element_3"),
        Element(Interval("chr1", 1_000, 1_100), 1_050, 0.5, 0.6, "distal", "element_4"),
    ]
)
LENGTHS = {"chr1": 1_000}


def test_bed9_line_by_line():
    text = write_bed9(ELEMENTS, "MYC", 'the "learned" ones', lengths=LENGTHS)
    assert text.splitlines() == [
        'track name="MYC" description="the \'learned\' ones" itemRgb="On"',
        "chr1\t0\t100\telement_1\t512\t.\t0\t100\t0,158,115",
        "chr1\t200\t300\tnear_MYC_TSS\t1000\t.\t200\t300\t0,158,115",
        "chr1\t990\t1000\telement_3\t0\t.\t990\t1000\t0,158,115",
    ]


def test_bed9_is_what_bioframe_reads(tmp_path):
    path = tmp_path / "elements.bed"
    path.write_text(write_bed9(ELEMENTS, "MYC", lengths=LENGTHS))
    theirs = bioframe.read_table(path, schema="bed9", skiprows=1)
    assert theirs["start"].tolist() == [0, 200, 990]
    assert theirs["end"].tolist() == [100, 300, 1_000]
    assert theirs["score"].tolist() == [512, 1000, 0]
    assert set(theirs["itemRgb"]) == {"0,158,115"}
    ours = read_bed(path)
    assert ours["start"].tolist() == theirs["start"].tolist()
    assert set(ours["color"]) == {"#009E73"}


def test_rows_keep_their_own_colours():
    frame = ELEMENTS.iloc[1:2].assign(color="#D55E00")
    assert parse_bed(write_bed9(frame, "x"))["color"].tolist() == ["#D55E00"]
    mixed = ELEMENTS.iloc[:2].assign(color=["#D55E00", ""])
    assert parse_bed(write_bed9(mixed, "x"))["color"].tolist() == ["#D55E00", "#009E73"]
    with pytest.raises(InputError, match="#RRGGBB"):
        rgb("red")


def test_bed6_has_a_track_line_only_with_a_name():
    assert write_bed6(ELEMENTS.iloc[1:2]) == "chr1\t200\t300\tnear_MYC_TSS\t1000\t.\n"
    assert write_bed6(ELEMENTS.iloc[1:2], "a").startswith('track name="a" description="a"\n')
    bare = pd.DataFrame({"chrom": ["chr1"], "start": [3], "end": [4]})
    assert write_bed6(bare) == "chr1\t3\t4\t.\t0\t.\n"


def test_narrowpeak_of_elements_has_offsets_and_no_test():
    text = write_narrowpeak(ELEMENTS, LENGTHS)
    assert text.splitlines()[0] == "chr1\t0\t100\telement_1\t512\t.\t0.51249\t-1\t-1\t40"
    # Its summit was cut off with the chromosome's end.
    assert text.splitlines()[2].endswith("\t-1")
    assert parse_narrowpeak(text)["summit"].tolist() == [40, 299, -1]


def test_narrowpeak_of_peaks_comes_back_clipped_at_1000():
    line = "chr1\t10\t60\tp\t{}\t.\t12.5\t30.1\t28.2\t7\n"
    peaks = parse_narrowpeak(line.format(2312))
    assert peaks["score"].tolist() == [2312] and peaks["summit"].tolist() == [17]
    assert write_narrowpeak(peaks) == line.format(1000)


def test_nothing_selected_gives_an_empty_file():
    empty = elements_frame([])
    assert write_bed9(empty, "x").count("\n") == 1
    assert write_narrowpeak(empty) == "" == write_bed6(empty)
    assert len(parse_bed("")) == 0 and parse_bed("")["start"].dtype == np.int64


@given(st.text(), st.text())
def test_a_track_line_is_one_line_of_balanced_quotes(name, description):
    line = track_line(name, description, itemRgb="On")
    assert line.splitlines() == [line[:-1]]
    assert line.count('"') == 6


@given(
    st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(0, 1000), st.text()),
        max_size=5,
    )
)
def test_bed_round_trip(rows):
    frame = pd.DataFrame(
        {
            "chrom": pd.Series(["chr1"] * len(rows), dtype="str"),
            "start": np.array([r[0] for r in rows], dtype=np.int64),
            "end": np.array([r[0] + r[1] for r in rows], dtype=np.int64),
            "score": np.array([r[2] for r in rows], dtype=np.int64),
            "name": pd.Series([r[3] for r in rows], dtype="str"),
        }
    )
    back = parse_bed(write_bed9(frame, "x"))
    for column in ("chrom", "start", "end", "score"):
        assert back[column].tolist() == frame[column].tolist()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chr1\t5", "line 1 is not BED"),
        ("# c\nchr1\tfive\t6", "line 2 is not BED"),
        ("chr1\t7\t6", "0 <= start <= end"),
        ("chr1\t-1\t6", "0 <= start <= end"),
        ("chr1\t1\t6\tn\t0\t*", "strand"),
        ("chr1\t1\t6\tn\t0\t+\t1\t6\t1,2,300", "0 to 255"),
    ],
)
def test_what_is_not_bed_is_named(text, said):
    with pytest.raises(InputError, match=said):
        parse_bed(text, "mine.bed")


def test_bed_with_spaces_and_header_lines():
    frame = parse_bed("browser position chr1:1-9\ntrack name=x\n\nchr1 2 9 a 4.5 +\n")
    assert frame.iloc[0].tolist() == ["chr1", 2, 9, "a", 4.5, "+", ""]


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.bed does not exist"):
        read_bed(tmp_path / "none.bed")
    (tmp_path / "cut.bed.gz").write_bytes(b"\x1f\x8b\x08\x00")
    with pytest.raises(InputError, match="damaged gzip"):
        read_bed(tmp_path / "cut.bed.gz")
    (tmp_path / "binary.bed").write_bytes(bytes(range(128, 256)))
    with pytest.raises(InputError, match="is not text"):
        read_bed(tmp_path / "binary.bed")
