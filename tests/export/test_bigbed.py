"""bigBed files, read back by two readers that share no code with the writer."""

import io

import pybigtools
import pyBigWig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2exp.export.bigbed import ELEMENTS, GENES, PEAKS, Schema, bigbed

LENGTHS = {"chr1": 5_000, "chr2": 60, "chr10": 5_000, "unused": 7}
PLAIN = Schema(
    "plain",
    "Three columns and two more",
    (
        ("string", "chrom", "Chromosome"),
        ("uint", "chromStart", "Start"),
        ("uint", "chromEnd", "End"),
        ("string", "label", "Any text"),
        ("float", "value", "Any number"),
    ),
    3,
)

rows = st.lists(
    st.tuples(
        st.sampled_from(["chr1", "chr2", "chr10"]),
        st.integers(0, 59),
        st.integers(1, 60),
        st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=6),
        st.integers(-5, 5),
    ).map(lambda row: (row[0], row[1], min(row[1] + row[2], 60), *row[3:])),
    min_size=1,
    max_size=30,
)


@settings(deadline=None, max_examples=60)
@given(rows)
def test_rows_are_read_back(tmp_path_factory, found):
    data = bigbed(found, PLAIN, LENGTHS)
    expected = sorted((c, s, e, f"{name}\t{value}") for c, s, e, name, value in found)
    path = tmp_path_factory.mktemp("bb") / "rows.bb"
    path.write_bytes(data)
    file = pyBigWig.open(str(path))
    used = {row[0] for row in found}
    assert file.isBigBed()
    assert file.chroms() == {chrom: LENGTHS[chrom] for chrom in used}
    theirs = [
        (chrom, start, end, rest)
        for chrom in sorted(used)
        for start, end, rest in file.entries(chrom, 0, LENGTHS[chrom])
    ]
    covered = sum(
        len({b for c, s, e, _ in expected if c == chrom for b in range(s, e)}) for chrom in used
    )
    assert file.header()["nBasesCovered"] == covered
    assert file.header()["sumData"] == sum(end - start for _, start, end, _ in expected)
    file.close()
    assert theirs == expected
    with pybigtools.open(io.BytesIO(data)) as other:
        assert [
            (chrom, row[0], row[1], "\t".join(row[2:]))
            for chrom in sorted(used)
            for row in other.records(chrom)
        ] == expected


def test_many_blocks_are_found_by_place(tmp_path):
    """More rows than a block holds, so that the index has to choose."""
    many = [("chr1", i, i + 40, f"n{i}", i) for i in range(4_900)]
    data = bigbed(reversed(many), PLAIN, LENGTHS)
    path = tmp_path / "many.bb"
    path.write_bytes(data)
    file = pyBigWig.open(str(path))
    for start, end in ((0, 1), (2_000, 2_001), (511, 513), (4_938, 5_000)):
        names = [rest.split("\t")[0] for _, _, rest in file.entries("chr1", start, end)]
        assert names == [row[3] for row in many if row[1] < end and row[2] > start]
    file.close()
    with pybigtools.open(io.BytesIO(data)) as other:
        # It gives rows that touch the place, too.
        assert [row[0] for row in other.records("chr1", 2_000, 2_001)] == list(range(1_960, 2_002))


def test_the_header_tells_beds_columns_from_the_others():
    for schema, kind, all_columns in (
        (ELEMENTS, "bigBed 9 +", 14),
        (PEAKS, "bigBed 6 +", 10),
        (GENES, "bigBed 12", 12),
    ):
        assert schema.track_type == kind
        assert len(schema.columns) == all_columns
    data = bigbed([("chr1", 1, 2, "a", 1)], PLAIN, LENGTHS)
    assert data[32:36] == b"\5\0\3\0"
    assert data[:4] == data[-4:] == b"\xeb\xf2\x89\x87"


def test_the_columns_names_can_be_read(tmp_path):
    path = tmp_path / "one.bb"
    path.write_bytes(bigbed([("chr1", 1, 2, "a", 1)], PLAIN, LENGTHS))
    file = pyBigWig.open(str(path))
    assert file.SQL().decode() == PLAIN.sql
    file.close()
    with pybigtools.open(str(path)) as other:
        read = other.sql(parse=True)
        assert read["name"] == PLAIN.name
        assert [field[:2] for field in read["fields"]] == [
            (name, kind) for kind, name, _ in PLAIN.columns
        ]


def test_names_may_have_spaces(tmp_path):
    path = tmp_path / "one.bb"
    path.write_bytes(bigbed([("chr1", 1, 2, "two words", 1)], PLAIN, LENGTHS))
    file = pyBigWig.open(str(path))
    assert file.entries("chr1", 0, 9) == [(1, 2, "two words\t1")]
    file.close()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ([], "at least one row"),
        ([("chr1", 1, 2, "a")], "4 columns for the 5"),
        ([("chr1", 2, 2, "a", 1)], "not on a chromosome"),
        ([("chr1", -1, 2, "a", 1)], "not on a chromosome"),
        ([("chr2", 1, 61, "a", 1)], "not on a chromosome"),
        ([("chr3", 1, 2, "a", 1)], "not on a chromosome"),
        ([("chr1", 1, 2, "a\tb", 1)], "a tab, line break or NUL"),
    ],
)
def test_what_cannot_be_stored_is_refused(bad, said):
    with pytest.raises(ValueError, match=said):
        bigbed(bad, PLAIN, LENGTHS)
