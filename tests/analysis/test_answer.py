"""The answer for one gene: what the ABC score says of the learned elements."""

import numpy as np
import pytest
import torch

from seq2exp.analysis.activity_contact import abc_scores, candidates
from seq2exp.analysis.answer import answer, find_elements
from seq2exp.datasets.catalog import Dataset
from seq2exp.inference.predictor import MaskRule, Predictor
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.tracks.peaks import PeakCaller


@pytest.fixture(scope="module")
def gene(evaluation_demo, tmp_path_factory):
    """A gene's window, prediction, elements and peaks; the mask is that of the signals."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("answer") / "model.safetensors"
    save_model(path, Seq2Exp(ModelConfig.coupled("tiny")), {"model": "seq2exp-coupled"})
    dataset = Dataset.load(evaluation_demo)
    cell = next(iter(dataset.cells.values()))
    window = dataset.window(dataset.default_gene, cell.name)
    prediction = Predictor(path, "cpu").predict(window, MaskRule("top", fraction=0.05))
    elements = find_elements(window, prediction.posterior, prediction.rule, dataset.lengths)
    return window, prediction, elements, PeakCaller.for_cell(cell, dataset.genome).peaks()


def test_an_elements_share_is_that_of_the_candidate_it_overlaps(gene):
    window, prediction, elements, peaks = gene
    found = answer(window, prediction, elements, peaks=peaks)["elements"]
    places = candidates(peaks, window.interval)
    scores = abc_scores(window.signals, places)
    assert len(found) == len(elements) > 5
    for element in found:
        inside = np.zeros(window.length, bool)
        start = window.interval.start
        inside[element["start"] - start : element["end"] - start] = True
        hit = [s for (a, b), s in zip(places, scores, strict=True) if inside[a:b].any()]
        assert element["abc_share"] == pytest.approx(max(hit, default=0))
    shares = [element["abc_share"] for element in found]
    assert max(shares) > 0 and min(shares) == 0


def test_without_peaks_there_is_no_share(gene):
    window, prediction, elements, _ = gene
    found = answer(window, prediction, elements)["elements"]
    assert {element["abc_share"] for element in found} == {None}
