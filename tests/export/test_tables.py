"""Tables with units, read back by pandas and pyarrow."""

import io
import re

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from seq2exp.errors import InputError
from seq2exp.export.tables import UNITS, of_gene, regions, write_parquet, write_table, write_tsv
from seq2exp.genome.locus import Interval, parse_locus

FRAME = pd.DataFrame(
    {
        "chrom": pd.Series(["chr1", "chr2"], dtype="str"),
        "start": np.array([0, 10], dtype=np.int64),
        "mean_mask": [0.1 + 0.2, np.nan],
        "note": ['a\ttab, "quotes"', "two\nlines"],
        "regulated": [True, False],
    }
)
MORE = {"regulated": ""}
ABOUT = {"data set": "K562 chr22", "model": "two\nlines"}


def test_the_header_has_the_units():
    lines = write_tsv(FRAME, MORE).splitlines()
    assert lines[0] == "chrom\tstart (bp, 0-based)\tmean_mask (0-1)\tnote\tregulated"
    assert lines[2] == "chr2\t10\t\ttwo lines\tFalse"
    assert len(lines) == 3


def test_tsv_is_read_back_to_the_same_values():
    back = pd.read_csv(io.StringIO(write_tsv(FRAME, MORE)), sep="\t")
    back.columns = [re.sub(r" \(.*\)$", "", name) for name in back.columns]
    assert back["mean_mask"].tolist()[0] == FRAME["mean_mask"].tolist()[0]
    pd.testing.assert_frame_equal(
        back.drop(columns="note"), FRAME.drop(columns="note"), check_dtype=False
    )
    assert back["note"].tolist() == ['a tab, "quotes"', "two lines"]


def test_what_it_is_about_stands_before_the_header():
    text = write_tsv(FRAME, MORE, ABOUT)
    assert text.startswith("# data set: K562 chr22\n# model: two lines\nchrom\t")


def test_parquet_has_units_and_what_it_is_about():
    data = write_parquet(FRAME, MORE, ABOUT)
    table = pyarrow.parquet.read_table(io.BytesIO(data))
    assert table.schema.field("start").metadata == {b"unit": b"bp, 0-based"}
    assert table.schema.field("chrom").metadata is None
    assert table.schema.metadata[b"seq2exp.model"] == b"two\nlines"
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(data)), FRAME)
    assert write_parquet(FRAME, MORE, ABOUT) == data


def test_a_column_without_a_unit_is_refused():
    with pytest.raises(ValueError, match="no unit is given for the columns regulated"):
        write_tsv(FRAME)
    with pytest.raises(ValueError, match="regulated"):
        write_parquet(FRAME)


def test_the_frame_is_left_as_it_was():
    before = FRAME.copy(deep=True)
    write_tsv(FRAME, MORE, ABOUT)
    write_parquet(FRAME, MORE, ABOUT)
    pd.testing.assert_frame_equal(FRAME, before)


def test_the_tables_of_the_app_have_their_units(results):
    assert set(results[0].frame.columns) <= set(UNITS)
    assert set(results[0].peaks.columns) <= set(UNITS)


def test_one_function_for_both_formats():
    assert write_table(FRAME, "tsv", MORE) == write_tsv(FRAME, MORE).encode()
    assert write_table(FRAME, "parquet", MORE) == write_parquet(FRAME, MORE)
    with pytest.raises(InputError, match="'xlsx'; use tsv or parquet"):
        write_table(FRAME, "xlsx", MORE)


def test_no_rows_are_a_header():
    assert write_tsv(FRAME.iloc[:0], MORE).count("\n") == 1
    assert len(pd.read_parquet(io.BytesIO(write_parquet(FRAME.iloc[:0], MORE)))) == 0


def test_rows_say_whose_they_are_and_how_far_away(results):
    result = results[0]
    found = of_gene(result.frame, result.gene, "K562")
    assert list(found)[:3] == ["gene", "gene_id", "cell"] and set(found) <= set(UNITS)
    for row, element in zip(found.itertuples(), result.elements, strict=True):
        assert (row.gene, row.cell) == (result.gene.name, "K562")
        assert parse_locus(row.region) == element.interval
        away = element.interval.center - result.gene.tss
        assert row.tss_distance == (away if result.gene.strand == "+" else -away)
    nothing = of_gene(result.frame.iloc[:0], result.gene, "K562")
    assert list(nothing) == list(found) and nothing.empty


def test_regions_are_written_from_1():
    frame = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [1_000]})
    assert regions(frame) == [str(Interval("chr1", 0, 1_000))] == ["chr1:1-1,000"]
