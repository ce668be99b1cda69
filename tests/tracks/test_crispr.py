"""The CRISPRi benchmark table."""

import csv
import gzip
from pathlib import Path

import pytest

from seq2exp.errors import InputError
from seq2exp.tracks.crispr import read_crispr

HEADER = (
    "chrom chromStart chromEnd measuredGeneSymbol measuredGeneEnsemblId EffectSize pValueAdjusted "
    "Significant Regulated Dataset CellType PowerAtEffectSize10"
).split()
ROW = "chr1 5 900 MYC ENSG1 -0.25 NA TRUE False Nasser2021 K562 0.1".split()


def write(path: Path, *rows: list[str]) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    return path


def test_reads_columns_and_truth_values(tmp_path: Path) -> None:
    table = read_crispr(write(tmp_path / "c.tsv", HEADER, ROW))
    row = table.iloc[0]
    assert list(table.columns)[:6] == ["chrom", "start", "end", "gene_symbol", "gene_id", "effect"]
    assert list(table.columns)[6:9] == ["p_adjusted", "significant", "regulated"]
    assert list(table.columns)[9:] == ["dataset", "cell"]
    assert (row.chrom, row.start, row.end, row.effect) == ("chr1", 5, 900, -0.25)
    assert (row.significant, row.regulated) == (True, False)
    assert row.p_adjusted != row.p_adjusted


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([HEADER[:-2], ROW[:-2]], "lacks the columns CellType"),
        ([HEADER, [*ROW[:7], "maybe", *ROW[8:]]], "'maybe' is neither TRUE nor FALSE"),
        ([HEADER, [ROW[0], "x", *ROW[2:]]], "has a wrong value"),
    ],
)
def test_bad_tables(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_crispr(write(tmp_path / "c.tsv", *rows))


def test_missing_or_cut_short(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no CRISPRi table at"):
        read_crispr(tmp_path / "none.tsv")
    path = tmp_path / "cut.tsv.gz"
    path.write_bytes(gzip.compress("\t".join(HEADER).encode() * 500)[:40])
    with pytest.raises(InputError, match="cannot be read"):
        read_crispr(path)


def test_real_table_equals_the_text(real_data: Path) -> None:
    path = real_data / "k562_chr22" / "EPCrisprBenchmark_K562_GRCh38.tsv.gz"
    table = read_crispr(path)
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(table) == len(rows) == 10_356
    for at in range(0, len(rows), 501):
        got, row = table.iloc[at], rows[at]
        assert (got.chrom, got.start, got.end) == (
            row["chrom"],
            int(row["chromStart"]),
            int(row["chromEnd"]),
        )
        assert got.regulated == (row["Regulated"].upper() == "TRUE")
        assert got.effect == float(row["EffectSize"])
    here = table[(table.chrom == "chr22") & (table.start >= 37_200_000) & (table.end <= 40_600_000)]
    assert set(here[here.regulated].gene_symbol) == {"NPTXR", "MGAT3", "SYNGR1"}
