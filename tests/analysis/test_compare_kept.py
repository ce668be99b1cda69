"""A comparison over kept masks: the same numbers, and the network runs once for a gene."""

import pytest
import torch

from seq2exp.analysis.compare.counts import Minimum
from seq2exp.analysis.compare.gene import Comparer
from seq2exp.analysis.compare.kept import compare_kept
from seq2exp.analysis.compare.run import compare_genes
from seq2exp.analysis.compare.sets import PEAKS, IntervalSet
from seq2exp.analysis.compare.settings import Settings
from seq2exp.inference.posteriors import PosteriorStore
from seq2exp.inference.predictor import MaskRule, Predictor
from seq2exp.model.beta import BetaPrior
from seq2exp.model.checkpoint import list_models, save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.tracks.peaks import PeakCaller

RULE = MaskRule("top", fraction=0.05)


@pytest.fixture(scope="module")
def comparer(dataset, cell):
    return Comparer(
        dataset, IntervalSet(PEAKS, PeakCaller.for_cell(cell, dataset.genome).peaks()), RULE
    )


@pytest.fixture(scope="module")
def genes(dataset):
    return [dataset.gene(id) for id in list(dataset.annotation.genes)[2:4]]


@pytest.fixture(scope="module")
def entry(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(5)
    save_model(folder / "tiny.safetensors", Seq2Exp(ModelConfig.soft("tiny")), {"id": "tiny"})
    return list_models(folder)[0]


class Counting(Predictor):
    """A predictor that remembers for which genes its generator ran."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.ran = []

    def posterior(self, window, progress=None):
        found = super().posterior(window, progress)
        self.ran.append(window.gene.name)
        return found


@pytest.fixture(scope="module")
def predictor(entry):
    return Counting(entry.path)


@pytest.fixture(scope="module")
def direct(comparer, predictor, genes, cell):
    """What the comparison without a store says."""
    return compare_genes(comparer, predictor, genes, cell.name)


def test_stopped_work_goes_on_where_it_ended(
    tmp_path, dataset, cell, comparer, predictor, genes, direct
):
    store = PosteriorStore(dataset.digest, cell.name, "tiny", tmp_path)
    first, second = genes
    said = []

    def until_the_second(fraction, text):
        said.append((fraction, text))
        if text.startswith(f"{second.name}, gene 2 of 2: finding"):
            raise KeyboardInterrupt

    predictor.ran.clear()
    with pytest.raises(KeyboardInterrupt):
        compare_kept(comparer, predictor, genes, cell.name, store, progress=until_the_second)
    assert predictor.ran == [first.name]
    assert store.missing(genes) == [second]
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions) and fractions[0] == 0
    assert fractions[-1] == pytest.approx(0.5)
    assert any(text.startswith(f"{first.name}, gene 1 of 2: finding") for _, text in said)
    found = compare_kept(comparer, predictor, genes, cell.name, store)
    assert predictor.ran == [first.name, second.name]
    assert found.counts == direct.counts
    assert found.rows.equals(direct.rows)


def test_other_settings_run_no_network(tmp_path, dataset, cell, comparer, predictor, genes, direct):
    store = PosteriorStore(dataset.digest, cell.name, "tiny", tmp_path)
    posteriors = {gene.id: predictor.posterior(dataset.window(gene, cell.name)) for gene in genes}
    predictor.ran.clear()
    found = compare_kept(
        comparer,
        predictor,
        genes,
        cell.name,
        store,
        known=lambda window: posteriors[window.gene.id],
    )
    assert found.counts == direct.counts
    # What somebody else knew is kept as well.
    assert store.missing(genes) == []
    strict = Comparer(
        dataset, comparer.peaks, MaskRule("top", fraction=0.02), Settings(minimum=Minimum(200))
    )
    prior = BetaPrior.from_mean(0.3, predictor.config.prior.strength)
    again = compare_kept(strict, predictor, genes, cell.name, store, prior=prior)
    assert predictor.ran == []
    assert again.counts.bp_a < found.counts.bp_a
    windows = {gene.id: dataset.window(gene, cell.name) for gene in genes}
    expected = [
        strict.compare(windows[gene.id], posteriors[gene.id].retilt(prior)) for gene in genes
    ]
    assert [one.counts for one in again.found] == [one.counts for one in expected]


def test_a_store_belongs_to_the_model_and_the_data(dataset, cell, entry, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQ2EXP_CACHE", str(tmp_path))
    window = dataset.window(next(iter(dataset.annotation.genes)), cell.name)
    store = PosteriorStore.of(dataset, cell.name, entry)
    posterior = Predictor(entry.path).posterior(window)
    store.save(window, posterior)
    assert PosteriorStore.of(dataset, cell.name, entry).load(window) is not None
    other = type(entry)(entry.id, entry.path, {**entry.card, "config": {"combine": "other"}})
    assert PosteriorStore.of(dataset, cell.name, other).load(window) is None
