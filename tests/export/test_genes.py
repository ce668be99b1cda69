"""Results of many genes: each mask is found once, however often and by whom it is asked for."""

import numpy as np
import pytest

from seq2exp.export.gene import gene_result
from seq2exp.export.genes import gene_results
from seq2exp.inference.posteriors import PosteriorStore
from seq2exp.inference.predictor import MaskRule, Predictor

RULE = MaskRule("hard", threshold=0.45)


class Stop(Exception):
    """Raised by a progress, as by a user who stops the work."""


@pytest.fixture(scope="module")
def cell(tiny):
    return next(iter(tiny.cells))


@pytest.fixture(scope="module")
def genes(results):
    return [result.gene for result in results]


@pytest.fixture
def store(tiny, cell, tiny_model, tmp_path):
    key = tiny_model.path.name
    return PosteriorStore(tiny.digest, cell, key, tmp_path)


@pytest.fixture(scope="module")
def counted(tiny_model):
    """The network, and the genes that its generator ran for."""
    predictor, ran = Predictor(tiny_model.path), []
    true = predictor.posterior

    def posterior(window, progress=None):
        ran.append(window.gene.name)
        return true(window, progress)

    predictor.posterior = posterior
    return predictor, ran


def test_results_are_those_of_one_gene_each_and_masks_are_kept(
    tiny, cell, tiny_model, genes, store, counted
):
    predictor, ran = counted
    ran.clear()
    said = []
    rest = {"rule": RULE, "min_length": 60}
    found = list(
        gene_results(
            tiny,
            genes,
            cell,
            predictor,
            tiny_model,
            store,
            progress=lambda fraction, text: said.append((fraction, text)),
            **rest,
        )
    )
    assert ran == [gene.name for gene in genes] and store.missing(genes) == []
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert said[0][1].startswith(f"{genes[0].name}, gene 1 of 2: ")
    again = list(gene_results(tiny, genes, cell, predictor, tiny_model, store, **rest))
    assert ran == [gene.name for gene in genes]
    for one, other, gene in zip(found, again, genes, strict=True):
        assert one.gene.id == gene.id and one.min_length == 60
        assert one.elements == other.elements and one.prediction.rule == RULE
        assert one.prediction.expression == other.prediction.expression
        np.testing.assert_array_equal(one.prediction.mask, other.prediction.mask)
    alone = gene_result(tiny, genes[0], cell, predictor, tiny_model, **rest)
    assert alone.prediction.expression == found[0].prediction.expression
    assert alone.elements == found[0].elements


def test_what_somebody_else_has_is_taken(tiny, cell, tiny_model, genes, store, counted, results):
    predictor, ran = counted
    known = {genes[0].id: predictor.posterior(tiny.window(genes[0], cell))}
    ran.clear()
    found = gene_results(
        tiny,
        genes,
        cell,
        predictor,
        tiny_model,
        store,
        known=lambda window: known.get(window.gene.id),
        rule=RULE,
    )
    assert [result.gene.id for result in found] == [gene.id for gene in genes]
    assert ran == [genes[1].name] and store.missing(genes) == []


def test_work_that_is_stopped_goes_on_where_it_ended(tiny, cell, tiny_model, genes, store, counted):
    predictor, ran = counted
    ran.clear()

    def stop(fraction, text):
        if "gene 2" in text:
            raise Stop

    with pytest.raises(Stop):
        list(gene_results(tiny, genes, cell, predictor, tiny_model, store, progress=stop))
    assert [gene.id for gene in store.missing(genes)] == [genes[1].id]
    ran.clear()
    assert len(list(gene_results(tiny, genes, cell, predictor, tiny_model, store))) == 2
    assert ran == [genes[1].name]
