"""A hub of real K562 data on chr22: opened by other readers, it has the values of the originals."""

from pathlib import Path

import numpy as np
import pybigtools
import pyBigWig
import pytest
from hub_checker import check_hub

from seq2exp.analysis.plain import foreign_data
from seq2exp.datasets.catalog import Dataset
from seq2exp.export.gene import gene_result
from seq2exp.export.hub import write_hub
from seq2exp.inference.predictor import MaskRule, Predictor
from seq2exp.tracks.peaks import PeakCaller

YAML = Path(__file__).resolve().parents[2] / "data" / "datasets" / "k562_chr22.yaml"
REGION = (37_200_000, 40_600_000)


@pytest.fixture(scope="module")
def k562(real_data):
    return Dataset.load(YAML, root=real_data / "k562_chr22")


def results_of(k562, genes, entry):
    predictor = Predictor(entry.path)
    caller = PeakCaller.for_cell(k562.cell("K562"), k562.genome)
    for gene in genes:
        yield gene_result(
            k562,
            gene,
            "K562",
            predictor,
            entry,
            rule=MaskRule("hard", threshold=0.45),
            peaks=caller.peaks(),
            peaks_source=caller.source,
        )


def check(k562, results, folder):
    """Compare every file of a hub with what it was made from."""
    said = write_hub(
        results, [result.gene for result in results], k562, folder, email="me@example.org"
    )
    assert (said.genome, said.own_genome) == ("hg38", False)
    checked = check_hub(folder, {"chr22": 50_818_468})
    path = {name: str(file) for name, file in checked.files.items()}
    # Genes may have names that no track can have, as H1-0.
    files = {file.name: str(file) for file in checked.files.values()}
    windows = [result.window.interval for result in results]
    inside = np.zeros(50_818_468, dtype=bool)
    for window in windows:
        inside[window.start : window.end] = True
    low, high = min(w.start for w in windows), max(w.end for w in windows)

    cell = k562.cell("K562")
    for key, original in (("dnase", cell.dnase), ("h3k27ac", cell.h3k27ac)):
        with (
            pybigtools.open(path[f"{key}_K562"]) as ours,
            pybigtools.open(str(original.path)) as theirs,
        ):
            found = ours.values("chr22", low, high, fillna=None)
            expected = theirs.values("chr22", low, high, fillna=None)
        part = inside[low:high]
        np.testing.assert_array_equal(found[part], expected[part])
        assert np.isnan(found[~part]).all() and np.isfinite(found[part]).any()

    lines = [line.split("\t") for line in cell.peaks_path.read_text().splitlines()]
    touching = [
        line
        for line in lines
        if line[0] == "chr22"
        and any(int(line[1]) < w.end and int(line[2]) > w.start for w in windows)
        and float(line[8]) >= -np.log10(0.05)
    ]
    file = pyBigWig.open(path["peaks_K562"])
    rows = sorted(file.entries("chr22", 0, 50_818_468))
    file.close()
    assert [(start, end) for start, end, _ in rows] == sorted(
        (int(line[1]), int(line[2])) for line in touching
    )
    assert sorted(int(rest.split("\t")[1]) for *_, rest in rows) == sorted(
        min(int(line[4]), 1000) for line in touching
    )

    for result in results:
        name, window = result.gene.name, result.window.interval
        posterior = result.prediction.posterior
        for kind, expected in (
            ("mean", posterior.soft()),
            ("lower", posterior.edit(posterior.quantile(0.05))),
            ("upper", posterior.edit(posterior.quantile(0.95))),
        ):
            with pybigtools.open(files[f"{name}.K562.mask.{kind}.bw"]) as ours:
                found = ours.values("chr22", window.start, window.end, fillna=None)
            np.testing.assert_allclose(found, expected, atol=1e-6)
        file = pyBigWig.open(files[f"{name}.K562.elements.bb"])
        spans = [(start, end) for start, end, _ in file.entries("chr22", 0, 50_818_468)]
        file.close()
        assert spans == [(e.interval.start, e.interval.end) for e in result.elements]
    said = foreign_data(results[0].model.card, simulated=False)
    assert said and said in (folder / "about.html").read_text()


def test_a_hub_of_the_genes_that_crispri_tested(k562, tiny_model, tmp_path):
    results = list(results_of(k562, ("NPTXR", "MGAT3", "SYNGR1"), tiny_model))
    check(k562, results, tmp_path / "hub")


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_a_hub_of_the_whole_region(k562, tiny_model, tmp_path):
    genes = [
        gene.id
        for gene in k562.annotation.genes.values()
        if REGION[0] + 100_000 <= k562.gene(gene.id).tss <= REGION[1] - 100_000
    ]
    assert len(genes) > 50
    check(k562, list(results_of(k562, genes, tiny_model)), tmp_path / "hub")
