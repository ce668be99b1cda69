"""The selection as BED: out with names, colours and notes, and back unchanged."""

from dataclasses import replace

import bioframe
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2exp.errors import InputError
from seq2exp.export.selections import parse_selections, write_selections
from seq2exp.export.session import Selection

MINE = (
    Selection("chr22", 39_300_000, 39_300_500, 'my "peak"', "#D55E00", "look\tcloser\n100 % sure"),
    Selection("chr22", 0, 1),
    Selection("chrX", 5, 900, "näher", "#009E73", "."),
)

selections = st.lists(
    st.builds(
        lambda start, width, name, color, note: Selection(
            "chr1", start, start + width, name, f"#{color:06X}", note
        ),
        st.integers(0, 10**8),
        st.integers(1, 10**6),
        st.text(max_size=9),
        st.integers(0, 0xFFFFFF),
        st.text(max_size=9),
    ),
    max_size=4,
).map(tuple)


@given(selections)
def test_what_is_written_is_read_back(mine):
    text = write_selections(mine, "selection")
    assert parse_selections(text) == mine
    assert len(text.splitlines()) == 1 + len(mine)


def test_line_by_line():
    text = write_selections(MINE, "mine", "of K562")
    assert text.splitlines() == [
        'track type=bedDetail name="mine" description="of K562" itemRgb="On"',
        "chr22\t39300000\t39300500\tmy_'peak'\t0\t.\t39300000\t39300500\t213,94,0"
        '\tmy "peak"\tlook%09closer%0A100 %25 sure',
        "chr22\t0\t1\t.\t0\t.\t0\t1\t0,158,115\t.\t.",
        "chrX\t5\t900\tnäher\t0\t.\t5\t900\t0,158,115\tnäher\t%2E",
    ]


def test_another_reader_sees_places_names_and_colours(tmp_path):
    path = tmp_path / "mine.bed"
    path.write_text(write_selections(MINE, "mine"), encoding="utf-8")
    columns = [*bioframe.SCHEMAS["bed9"], "id", "description"]
    theirs = bioframe.read_table(path, schema=columns, skiprows=1, keep_default_na=False)
    assert theirs["start"].tolist() == [one.start for one in MINE]
    assert theirs["end"].tolist() == [one.end for one in MINE]
    assert theirs["itemRgb"].tolist() == ["213,94,0", "0,158,115", "0,158,115"]
    assert theirs["name"].tolist() == ["my_'peak'", ".", "näher"]
    assert parse_selections(path.read_text(encoding="utf-8")) == MINE


def test_any_bed_can_come_in():
    text = "track name=x\nchr1\t1\t9\n22 5 6 enhancer 100 + 5 6 213,94,0\n"
    assert parse_selections(text, lengths={"chr1": 9, "chr22": 6}) == (
        Selection("chr1", 1, 9),
        Selection("chr22", 5, 6, "enhancer", "#D55E00"),
    )
    # Columns 10 and 11 are a note only where the track line says so.
    bed12 = "chr1\t0\t9\tgene\t0\t+\t0\t9\t0\t1\t9,\t0,\n"
    assert parse_selections(bed12) == (Selection("chr1", 0, 9, "gene"),)
    assert parse_selections("") == ()


def test_colours_come_back_in_capitals():
    lower = replace(MINE[0], color="#d55e00")
    assert parse_selections(write_selections([lower], "x")) == (MINE[0],)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chr1\t5", "line 1 is not BED"),
        ("track name=x\nchr1\t5\t5", "line 2 is an interval of 0 bp"),
        ("chr1\t1\t10", "line 1: chr1:1-10 is not on a chromosome"),
        ("chr1\t1\t9\nchr7\t1\t2", "line 2: chr7:1-2 is not on a chromosome"),
    ],
)
def test_what_cannot_be_a_selection_is_named(text, said):
    with pytest.raises(InputError, match=f"mine.bed.*{said}"):
        parse_selections(text, "mine.bed", {"chr1": 9})
