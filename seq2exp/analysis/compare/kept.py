"""The comparison of genes whose masks are kept: each is found once, whatever is asked later."""

from collections.abc import Callable, Sequence

from seq2exp.analysis.compare.gene import Comparer
from seq2exp.analysis.compare.pooled import Comparison
from seq2exp.analysis.compare.run import compare_genes
from seq2exp.genome.annotation import Gene
from seq2exp.genome.window import Window
from seq2exp.inference.posteriors import PosteriorStore
from seq2exp.inference.predictor import Predictor
from seq2exp.inference.progress import Progress, gene_by_gene
from seq2exp.model.beta import BetaPrior, MaskPosterior

#: What comparing a gene takes beside finding its mask, for the progress; the demo model's ratio.
_COMPARING = 0.04


def compare_kept(
    comparer: Comparer,
    predictor: Predictor,
    genes: Sequence[Gene],
    cell: str,
    store: PosteriorStore,
    *,
    prior: BetaPrior | None = None,
    known: Callable[[Window], MaskPosterior | None] | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare gene after gene, running the network only where the store lacks a mask.

    Every mask that is found is kept at once: work that was stopped goes on where it ended.

    Parameters
    ----------
    comparer, predictor, genes, cell, prior
        As `compare_genes` takes them.
    store
        The masks of this network in this cell type of this data set.
    known
        A posterior that somebody else has, under the prior of training, or None; it is kept, too.
    progress
        Told of every gene, and of every layer where the network runs; its fraction counts a mask
        that is still to be found for more than one that is kept. An exception that it raises ends
        the work.

    Raises
    ------
    InputError
        Where no gene is left.
    """
    missing = {gene.id for gene in store.missing(genes)}
    weights = [_COMPARING + (gene.id in missing) for gene in genes]
    steps = gene_by_gene(progress, genes, weights)
    step_of = {gene.id: step for gene, step in zip(genes, steps, strict=True)}

    def posterior_of(window: Window) -> MaskPosterior:
        step = step_of[window.gene.id]
        if step is not None:
            step(0.0, "Comparing")
        return store.get(window, lambda here: predictor.posterior(here, step), known)

    return compare_genes(
        comparer,
        predictor,
        genes,
        cell,
        prior=prior,
        posterior_of=posterior_of,
    )
