"""Deletion of planted elements: every Δ and every AUC made again without the code under test."""

import numpy as np
import pytest
from experiments import make_predictor
from scipy import stats

from seq2exp.analysis.deletion import edits_of
from seq2exp.analysis.evaluate.deletions import (
    LOST,
    SIZE,
    deletion_rows,
    outside_promoter,
    planted_deltas,
)
from seq2exp.analysis.evaluate.planted import OPEN_DECOYS, Planted
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate.plan import CELLS
from seq2exp.genome.locus import Interval
from seq2exp.inference.perturb.memory import Kept
from seq2exp.inference.predictor import MaskRule
from seq2exp.training.examples import examples

LENGTH = 20_000
RULE = MaskRule("hard", 0.5)
LABEL = {"model": "seq2exp-coupled", "model_id": "coupled", "seed": 3}


@pytest.fixture(scope="module")
def dataset(evaluation_demo):
    return Dataset.load(evaluation_demo)


@pytest.fixture(scope="module")
def planted(dataset):
    return Planted(dataset, examples(dataset, "test", list(CELLS), LENGTH).spread(6))


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return make_predictor(tmp_path_factory.mktemp("models"), "coupled")


@pytest.fixture(scope="module")
def deltas(predictor, dataset, planted):
    Kept.forget()
    return planted_deltas(predictor, dataset, planted, rule=RULE)


def test_every_delta_is_a_prediction_with_the_element_closed(predictor, dataset, planted, deltas):
    delta, roles, gene = deltas
    k = 0
    for i, example in enumerate(planted.examples.table):
        window = dataset.window(example.gene, example.cell).crop(LENGTH)
        mask = RULE.mask(predictor.posterior(window))
        whole = predictor.express(window, mask)
        spans, own = planted.elements(i)
        for (a, b), role in zip(spans, own, strict=True):
            closed = mask.copy()
            closed[a:b] = 0
            closed[9_000:11_000] = mask[9_000:11_000]  # TSS ± 1 kb stays as it is
            assert delta[k] == pytest.approx(predictor.express(window, closed) - whole, abs=2e-6)
            assert roles[k] == role and gene[k] == planted.gene[i]
            k += 1
    assert k == len(delta) > 10 and np.abs(delta).max() > 1e-4


def test_areas_are_those_of_ranks(predictor, dataset, planted, deltas):
    delta, roles, _ = deltas
    told = []
    rows = deletion_rows(
        *(predictor, dataset, planted, LABEL),
        rule=RULE,
        replicates=50,
        seed=0,
        progress=told.append,
    )
    assert told[-1] == 1
    causal = roles == "causal"
    kinds = {OPEN_DECOYS: ~causal & (roles != "silenced_enhancer")}
    kinds |= {kind: roles == kind for kind in set(roles) - {"causal"}}
    assert len(kinds) > 2
    by_name = {(row["score"], row["decoys"]): row for row in rows}
    assert set(by_name) == {(name, kind) for name in (LOST, SIZE) for kind in kinds}
    for name, score in ((LOST, -delta), (SIZE, np.abs(delta))):
        for kind, chosen in kinds.items():
            row = by_name[name, kind]
            expected = stats.mannwhitneyu(score[causal], score[chosen]).statistic
            assert row["auc"] == pytest.approx(expected / (causal.sum() * chosen.sum()))
            assert row["low"] <= row["auc"] <= row["high"]
            assert (row["n_causal"], row["n_decoys"]) == (causal.sum(), chosen.sum())
            assert (row["n_examples"], row["n_genes"]) == (6, len(planted.genes))
            assert {key: row[key] for key in LABEL} == LABEL and row["rule"] == "hard"


def test_an_element_that_runs_into_the_promoter_loses_the_rest_alone(dataset):
    window = dataset.window(dataset.default_gene, next(iter(CELLS))).crop(LENGTH)
    start, chrom = window.interval.start, window.interval.chrom

    def spans(a, b):
        found = [edit.interval for edit in outside_promoter(window, a, b)]
        assert all(edit.action == "close" for edit in outside_promoter(window, a, b))
        return [(place.start - start, place.end - start) for place in found]

    assert spans(100, 300) == [(100, 300)]
    assert spans(8_900, 9_100) == [(8_900, 9_000)]
    assert spans(10_900, 11_100) == [(11_000, 11_100)]
    assert spans(8_000, 12_000) == [(8_000, 9_000), (11_000, 12_000)]
    assert spans(9_200, 9_400) == []
    place = Interval(chrom, start, start + 5)
    assert [edit.action for edit in edits_of(place, True)] == ["close", "neutralise"]
