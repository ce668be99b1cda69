"""Results of two genes whose windows overlap, from the demo's tiny data set and a tiny network."""

from pathlib import Path

import pytest
import torch

from seq2exp.analysis.answer import find_elements
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.simulate import make_demo
from seq2exp.export.gene import GeneResult
from seq2exp.inference.predictor import MaskRule, Predictor
from seq2exp.model.checkpoint import ModelEntry, save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.tracks.peaks import PeakCaller


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The demo's tiny data set: one chromosome of 403,200 bp."""
    return Dataset.load(make_demo(tmp_path_factory.mktemp("takeaway") / "tiny", "tiny"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> ModelEntry:
    """A tiny network with random weights, whose mask follows the signals."""
    path: Path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    torch.manual_seed(5)
    card = {"title": "Tiny <random>", "dataset": {"simulated": True}}
    save_model(path, Seq2Exp(ModelConfig.soft("tiny")), card)
    return ModelEntry(path.stem, path, Predictor(path).card)


@pytest.fixture(scope="session")
def results(tiny: Dataset, tiny_model: ModelEntry) -> list[GeneResult]:
    """The last two genes on the chromosome, 64 kb each; one window hangs over its end."""
    predictor, rule = Predictor(tiny_model.path), MaskRule("hard", threshold=0.45)
    cell = next(iter(tiny.cells))
    caller = PeakCaller.for_cell(tiny.cell(cell), tiny.genome)
    found = []
    for gene in sorted(tiny.annotation.genes.values(), key=lambda gene: gene.tss)[-2:]:
        window = tiny.window(gene, cell).crop(64_000)
        prediction = predictor.predict(window, rule)
        elements = find_elements(window, prediction.posterior, prediction.rule, tiny.lengths)
        found.append(
            GeneResult(
                window,
                prediction,
                tuple(elements),
                tiny_model,
                peaks=caller.peaks(),
                peaks_source=caller.source,
            )
        )
    return found
