"""CRISPRi pairs: the scorer against published figures, and the rules of overlap by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from seq2exp.analysis.activity_contact import highest_overlapping, overlapping
from seq2exp.analysis.evaluate.crispri import (
    crispri_rows,
    mask_scores,
    read_pairs,
    table_scores,
)
from seq2exp.analysis.evaluate.metrics import trapezoid_auprc
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.inference.predictor import Predictor
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.tracks.peaks import PeakCaller

EXAMPLE = Path(__file__).parents[2] / "data" / "datasets" / "k562_chr22.yaml"


@pytest.fixture(scope="module")
def table(real_data: Path) -> Path:
    return real_data / "k562_chr22" / "EPCrisprBenchmark_K562_GRCh38.tsv.gz"


def test_the_table_alone_gives_the_figures_known_for_it(table):
    pairs = read_pairs(table, "K562")
    assert (len(pairs), pairs["regulated"].sum()) == (1_820, 389)
    gene = np.zeros(len(pairs), np.int64)
    found = {
        name: trapezoid_auprc(score, pairs["regulated"], gene, np.ones((1, 1)))[0]
        for name, score in table_scores(pairs).items()
    }
    assert {name: round(area, 3) for name, area in found.items()} == {
        "distance": 0.503,
        "DNase": 0.357,
        "H3K27ac": 0.397,
        "sqrt(DNase × H3K27ac) × distance^-0.87": 0.587,
    }


def test_a_table_without_what_scores_need_is_refused(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("chrom\tchromStart\tchromEnd\nchr1\t1\t2\n")
    with pytest.raises(InputError, match=r"pairs\.tsv lacks the columns measuredGeneSymbol"):
        read_pairs(path, "K562")


def test_the_highest_of_the_overlapping_and_else_nothing():
    rng = np.random.default_rng(0)
    starts = rng.integers(0, 500, 30)
    tested = np.stack([starts[:12], starts[:12] + 20], 1)
    predicted = np.stack([starts[12:], starts[12:] + rng.integers(1, 30, 18)], 1)
    score = rng.random(18)
    expected = [
        max(
            (
                v
                for (a, b), v in zip(predicted, score, strict=True)
                if {*range(a, b)} & {*range(s, e)}
            ),
            default=0,
        )
        for s, e in tested
    ]
    np.testing.assert_array_equal(highest_overlapping(tested, predicted, score), expected)
    assert 0 in expected
    summed = [
        sum(v for (a, b), v in zip(predicted, score, strict=True) if a < e and s < b)
        for s, e in tested
    ]
    np.testing.assert_allclose(overlapping(tested, predicted) @ score, summed)
    assert (overlapping(tested, predicted).sum(1) > 1).any()
    nothing = highest_overlapping(tested, np.zeros((0, 2), np.int64), np.zeros(0))
    np.testing.assert_array_equal(nothing, np.zeros(12))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> Predictor:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("model") / "soft.safetensors"
    model = Seq2Exp(ModelConfig.coupled("tiny"))
    save_model(path, model, {"model": "seq2exp-coupled", "seed": 3})
    return Predictor(path, "cpu")


def test_scores_of_tested_elements_of_a_measured_gene(real_data, predictor):
    dataset = Dataset.load(EXAMPLE, real_data / "k562_chr22")
    window = dataset.window("SYNGR1", "K562")
    spans = np.array([[20_000, 20_500], [99_500, 100_400]])
    found = mask_scores(predictor, dataset, window, spans)
    posterior = predictor.posterior(window)
    mask = predictor.default_rule.mask(posterior)
    whole = predictor.express(window, mask)
    for i, (start, end) in enumerate(spans):
        mean = posterior.mean[start:end].astype(float).mean()
        assert found["learned mask"][i] == pytest.approx(mean)
        closed = mask.copy()
        closed[start:end] = 0
        lost = whole - predictor.express(window, closed)
        assert found["in-silico deletion"][i] == pytest.approx(lost, abs=1e-6)
    assert abs(found["in-silico deletion"][1]) > 0


def test_pairs_that_the_data_set_has_are_scored_by_everything(real_data, predictor):
    dataset = Dataset.load(EXAMPLE, real_data / "k562_chr22")
    caller = PeakCaller.for_cell(dataset.cell("K562"), dataset.genome)
    label = {"model": "seq2exp-coupled", "model_id": "soft", "seed": 3}
    told = []
    rows = pd.DataFrame(
        crispri_rows(
            dataset,
            "K562",
            {"soft": (label, predictor)},
            caller.peaks(),
            replicates=50,
            seed=0,
            progress=told.append,
        )
    )
    assert told[-1] == 1
    own = rows[rows["pairs"] == "with tracks"].set_index("score")
    # Those of DDX17, NPTXR, RPL3, ATF4, MGAT3 and RPS19BP1, by a look into the table.
    assert (own["n_pairs"].iloc[0], own["n_positive"].iloc[0]) == (9, 2)
    assert own["n_pairs"].nunique() == 1
    assert set(own.index) >= {"distance", "DNase", "ABC", "learned mask", "in-silico deletion"}
    assert own.loc["learned mask", "model_id"] == "soft" and pd.isna(own.loc["ABC", "model_id"])
    bounds = own.dropna(subset=["low"])
    assert ((bounds["low"] <= bounds["auprc"]) & (bounds["auprc"] <= bounds["high"])).all()
    whole = rows[rows["pairs"] == "whole table"].set_index("score")
    assert whole.loc["distance", "auprc"] == pytest.approx(0.503, abs=5e-4)
    assert whole.loc["distance", "n_pairs"] == 1_820
