"""Deletion of what is planted: how often losing a causal element costs more than losing a decoy.

The mask is closed over every planted element of held-out genes, one by one, and the predictor runs
again. The promoter (TSS ± 1 kb) is left as it is, as it is in every other score here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2exp.analysis.evaluate.metrics import Wins, estimate, gene_weights
from seq2exp.analysis.evaluate.planted import Planted, decoys
from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import Window
from seq2exp.inference.perturb import Edit, Experiment
from seq2exp.inference.predictor import MaskRule, Predictor

#: What is judged: the loss of predicted log10 expression, and its size whichever way it goes.
LOST, SIZE = "in-silico deletion", "in-silico deletion, |Δ|"

Floats = NDArray[np.float64]


def outside_promoter(window: Window, start: int, end: int) -> tuple[Edit, ...]:
    """Return the edits that close [start, end), indices of a window, but for the promoter."""
    part, origin = window.promoter, window.interval.start
    pieces = ((start, min(end, part.start)), (max(start, part.stop), end))
    return tuple(
        Edit(Interval(window.interval.chrom, origin + low, origin + high), "close")
        for low, high in pieces
        if low < high
    )


def planted_deltas(
    predictor: Predictor,
    dataset: Dataset,
    planted: Planted,
    *,
    rule: MaskRule | None = None,
    progress: Callable[[float], None] = lambda done: None,
) -> tuple[Floats, NDArray[np.object_], NDArray[np.int64]]:
    """Delete every planted element of all examples.

    Parameters
    ----------
    predictor : the network.
    dataset : that the examples are of.
    planted : what is planted round them.
    rule : of the mask; None: the network's own.
    progress : told of the share of the examples that is done.

    Returns
    -------
    tuple
        Of E elements: Δ log10(expression + 1), roles as in `seq2exp.datasets.truth.ROLES`, and the
        gene of each as `Planted.gene` numbers them.
    """
    deltas: list[Floats] = []
    roles: list[NDArray[np.object_]] = []
    genes: list[NDArray[np.int64]] = []
    count = len(planted.examples)
    for i, example in enumerate(planted.examples.table):
        elements = planted.elements(i)
        window = dataset.window(example.gene, example.cell).crop(planted.examples.length)
        wanted = [outside_promoter(window, int(a), int(b)) for a, b in elements.spans]
        effects = Experiment(predictor, window, rule).effects(wanted)
        deltas.append(np.array([effect.delta for effect in effects], np.float64))
        roles.append(elements.roles)
        genes.append(np.full(len(elements.roles), planted.gene[i]))
        progress((i + 1) / count)
    return np.concatenate(deltas), np.concatenate(roles), np.concatenate(genes)


def deletion_rows(
    predictor: Predictor,
    dataset: Dataset,
    planted: Planted,
    label: dict[str, Any],
    *,
    rule: MaskRule | None = None,
    replicates: int,
    seed: int,
    progress: Callable[[float], None] = lambda done: None,
) -> list[dict[str, Any]]:
    """Judge a network's deletions of causal elements against those of each kind of decoy.

    Parameters
    ----------
    label : model, model_id and seed, as every table of results has them.
    replicates, seed : of the bootstrap over genes.
    predictor, dataset, planted, rule, progress : see `planted_deltas`.

    Returns
    -------
    list of dict
        score (`LOST` or `SIZE`), model, model_id, seed, rule (mode of the mask), decoys (a kind, or
        "open_decoys": all but the silenced enhancers), auc (area under the ROC curve: how often a
        causal element's deletion costs more than a decoy's, ties counting half), low, high (95 %
        over genes), n_causal, n_decoys, n_examples, n_genes.
    """
    delta, roles, gene = planted_deltas(predictor, dataset, planted, rule=rule, progress=progress)
    weights = gene_weights(len(planted.genes), replicates, seed)
    causal = roles == "causal"
    applied, _ = predictor.applied(rule or predictor.default_rule)
    rows = []
    for name, score in ((LOST, -delta), (SIZE, np.abs(delta))):
        for kind, chosen in decoys(roles).items():
            if not (causal.any() and chosen.any()):
                continue
            wins = Wins.of(
                *(score[causal], gene[causal], score[chosen], gene[chosen]), len(planted.genes)
            )
            found = estimate(wins.auc(weights))
            rows.append(
                {
                    "score": name,
                    **label,
                    "rule": applied.mode,
                    "decoys": kind,
                    **{"auc": found.value, "low": found.low, "high": found.high},
                    **{"n_causal": int(causal.sum()), "n_decoys": int(chosen.sum())},
                    "n_examples": len(planted.examples),
                    "n_genes": len(planted.genes),
                }
            )
    return rows
