"""Choosing genes: lists as people paste them, and filters."""

import numpy as np
import pandas as pd
import pytest

from seq2exp.analysis.compare.genes import (
    GeneFilter,
    filter_genes,
    find_genes,
    known_genes,
    read_predictions,
    split_names,
)
from seq2exp.errors import InputError


@pytest.fixture(scope="module")
def genes(dataset):
    return list(dataset.annotation.genes.values())


@pytest.fixture(scope="module")
def labels(cell, genes):
    """Measured log10(expression + 1) by gene id, of the genes that have one."""
    rows = {gene.id: cell.table.of(gene) for gene in genes}
    found = {gene: cell.table.label(row) for gene, row in rows.items() if row is not None}
    assert 5 < len(found) < len(genes)
    return found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("MYC", ["MYC"]),
        ("MYC\nGATA1\n", ["MYC", "GATA1"]),
        ("MYC, GATA1;TAL1\tLMO2", ["MYC", "GATA1", "TAL1", "LMO2"]),
        ("  MYC  \r\n\r\nMYC\r\n", ["MYC"]),
        ("# my genes\nMYC # the oncogene\n", ["MYC"]),
        ('"MYC","GATA1"', ["MYC", "GATA1"]),
        ("", []),
        ("# nothing\n ,; \n", []),
    ],
)
def test_a_pasted_list_is_split(text, names):
    assert split_names(text) == names


def test_genes_are_found_once_by_symbol_or_id(dataset, genes):
    first, second = genes[3], genes[1]
    names = [first.name.lower(), second.id, first.id + ".7", second.name]
    assert [gene.id for gene in find_genes(dataset, names)] == [first.id, second.id]
    # The TSS is that of the expression table, as everywhere.
    assert find_genes(dataset, [first.id])[0] == dataset.gene(first.id)


def test_unknown_names_are_counted_and_named(dataset, genes):
    known = genes[0].name
    with pytest.raises(InputError) as said:
        find_genes(dataset, [known, known[:-1] + "Z", "QQQQ"])
    assert "2 of 3 names" in str(said.value) and "QQQQ" in str(said.value)
    assert f"{known[:-1]}Z (near: " in str(said.value)
    with pytest.raises(InputError) as said:
        find_genes(dataset, [f"NOSUCH{i}" for i in range(40)])
    assert "40 of 40" in str(said.value) and "and 35 more" in str(said.value)
    assert len(str(said.value)) < 300
    with pytest.raises(InputError, match="did you mean") as said:
        find_genes(dataset, [known + "X"])
    assert known in str(said.value)
    with pytest.raises(InputError, match="empty"):
        find_genes(dataset, [])


def test_without_limits_all_genes_are_taken(dataset, cell, genes):
    assert [gene.id for gene in filter_genes(dataset, cell, GeneFilter())] == [g.id for g in genes]


def test_a_filter_on_chromosomes(dataset, cell, genes):
    (chrom,) = dataset.lengths
    assert len(filter_genes(dataset, cell, GeneFilter((chrom,)))) == len(genes)
    with pytest.raises(InputError, match="chr99"):
        filter_genes(dataset, cell, GeneFilter(("chr99",)))


def test_a_filter_on_expression_keeps_both_ends(dataset, cell, labels):
    low, high = np.quantile(list(labels.values()), [0.3, 0.8], method="nearest")
    expected = [gene for gene, value in labels.items() if low <= value <= high]
    assert 2 < len(expected) < len(labels)
    found = filter_genes(dataset, cell, GeneFilter(expression=(low, high)))
    assert [gene.id for gene in found] == expected
    only_low = filter_genes(dataset, cell, GeneFilter(expression=(low, None)))
    assert [gene.id for gene in only_low] == [g for g, value in labels.items() if value >= low]
    with pytest.raises(InputError, match="No gene"):
        filter_genes(dataset, cell, GeneFilter(expression=(99.0, None)))
    with pytest.raises(InputError, match="swap"):
        GeneFilter(expression=(2.0, 1.0))


def test_a_filter_on_the_models_error(dataset, cell, labels):
    ids, measured = list(labels), np.array(list(labels.values()))
    away = np.linspace(-1, 1, len(ids))
    columns = {"gene_id": ids, "predicted": measured + away, "measured": measured}
    table = pd.DataFrame(columns).iloc[:-2]  # two genes without a prediction
    wanted = GeneFilter(error=(0.2, 0.6))
    expected = [gene for gene, d in list(zip(ids, away, strict=True))[:-2] if 0.2 <= abs(d) <= 0.6]
    assert len(expected) > 2
    found = filter_genes(dataset, cell, wanted, table)
    assert [gene.id for gene in found] == expected
    # What was measured is in the data set, too.
    without = filter_genes(dataset, cell, wanted, table.drop(columns="measured"))
    assert [gene.id for gene in without] == expected
    with pytest.raises(InputError, match=r"predictions\.parquet"):
        filter_genes(dataset, cell, wanted)


def write(path, **more):
    columns = {"gene_id": ["G1", "G2", "G1"], "predicted": [1.0, 2.0, 3.0]} | more
    table = pd.DataFrame(columns)
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, sep="," if path.suffix == ".csv" else "\t", index=False)
    return path


@pytest.mark.parametrize("name", ["p.parquet", "p.tsv", "p.csv"])
def test_predictions_are_read_for_a_cell_and_a_model(tmp_path, name):
    cells, models = ["K562", "K562", "GM12878"], ["m1", "m2", "m1"]
    path = write(tmp_path / name, cell=cells, model_id=models, measured=[0.5, 0.6, 0.7])
    assert read_predictions(path, "k562", "m2").to_dict("records") == [
        {"gene_id": "G2", "predicted": 2.0, "measured": 0.6}
    ]
    assert read_predictions(path, "GM12878")["predicted"].tolist() == [3.0]
    with pytest.raises(InputError, match="2 models"):
        read_predictions(path, "K562")
    with pytest.raises(InputError, match="no predictions by m9 for K562"):
        read_predictions(path, "K562", "m9")
    with pytest.raises(InputError, match="no predictions for H1"):
        read_predictions(path, "H1")


def test_predictions_without_cells_are_of_any(tmp_path):
    found = read_predictions(write(tmp_path / "p.tsv"), "K562")
    assert found.to_dict("records") == [
        {"gene_id": "G1", "predicted": 1.0},
        {"gene_id": "G2", "predicted": 2.0},
    ]


def test_predictions_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"gone\.parquet"):
        read_predictions(tmp_path / "gone.parquet", "K562")
    (tmp_path / "odd.parquet").write_text("no parquet")
    with pytest.raises(InputError, match=r"odd\.parquet"):
        read_predictions(tmp_path / "odd.parquet", "K562")
    (tmp_path / "odd.tsv").write_text("gene\tvalue\nG1\t1\n")
    with pytest.raises(InputError, match="gene_id, predicted"):
        read_predictions(tmp_path / "odd.tsv", "K562")
    path = write(tmp_path / "text.tsv", predicted=["1", "two", "3"])
    with pytest.raises(InputError, match="text in a column of numbers"):
        read_predictions(path, "K562")


def test_of_a_list_the_known_genes_can_be_taken_alone(dataset, genes):
    names = ["QQQQ", genes[2].name, "NOSUCH", genes[0].id, genes[2].id]
    found, unknown = known_genes(dataset, names)
    assert [gene.id for gene in found] == [genes[2].id, genes[0].id]
    assert unknown == ["QQQQ", "NOSUCH"]
    assert known_genes(dataset, []) == ([], [])
