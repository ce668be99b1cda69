"""The planted truth of a gene against the files that the simulator wrote."""

from pathlib import Path

import pandas as pd
import pytest

from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.truth import ROLES, PlantedTruth


@pytest.fixture(scope="module")
def dataset(demo: Path) -> Dataset:
    return Dataset.load(demo)


def test_a_genes_elements_stand_where_the_bed_has_them(dataset: Dataset) -> None:
    gene = dataset.gene(dataset.default_gene)
    bed = pd.read_csv(dataset.truth_path, sep="\t", skiprows=1, header=None)
    places = {row[3].split("|")[1]: (row[0], row[1], row[2]) for row in bed.itertuples(index=False)}
    for cell in dataset.cells:
        found = PlantedTruth(dataset).of(gene.id, cell)
        assert len(found) and set(found["role"]) <= set(ROLES)
        assert found["start"].is_monotonic_increasing
        for row in found.itertuples():
            assert (row.chrom, row.start, row.end) == places[row.element]
            assert (row.effect > 0) or row.role != "causal"


def test_another_gene_and_measured_data_have_none(dataset: Dataset, tmp_path: Path) -> None:
    assert PlantedTruth(dataset).of("NOSUCH", "sim-erythroid").empty
    bare = type("Bare", (), {"truth_path": None})()
    assert not PlantedTruth(bare)
