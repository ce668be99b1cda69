"""What is taken away of many genes, one after the other; masks that are kept are not found anew."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from seq2exp.datasets.catalog import Dataset
from seq2exp.export.gene import GeneResult, gene_result
from seq2exp.genome.annotation import Gene
from seq2exp.genome.window import Window
from seq2exp.inference.posteriors import PosteriorStore
from seq2exp.inference.predictor import Predictor
from seq2exp.inference.progress import Progress, gene_by_gene
from seq2exp.model.beta import MaskPosterior
from seq2exp.model.checkpoint import ModelEntry


def gene_results(
    dataset: Dataset,
    genes: Sequence[Gene],
    cell: str,
    predictor: Predictor,
    model: ModelEntry,
    store: PosteriorStore,
    *,
    known: Callable[[Window], MaskPosterior | None] | None = None,
    progress: Progress | None = None,
    **reading: Any,
) -> Iterator[GeneResult]:
    """Yield the result of each gene; the generator runs only where the store lacks its posterior.

    Every posterior that is found is kept at once: work that was stopped goes on where it ended.

    Parameters
    ----------
    dataset, genes, cell, predictor, model
        As `gene_result` takes them.
    store
        The posteriors of this network in this cell type of this data set.
    known
        A posterior that somebody else has, under the prior of training, or None; it is kept, too.
    progress
        Told of every layer of every gene; an exception that it raises ends the work.
    reading
        How masks are read and cut into elements, and the peaks, as `gene_result` takes them.
    """
    missing = {gene.id for gene in store.missing(genes)}
    # Both halves of the network run, or the predictor alone.
    steps = gene_by_gene(progress, genes, [1 + (gene.id in missing) for gene in genes])

    def posterior_of(window: Window, layer: Progress | None) -> MaskPosterior:
        return store.get(window, lambda here: predictor.posterior(here, layer), known)

    for gene, step in zip(genes, steps, strict=True):
        yield gene_result(
            dataset,
            gene,
            cell,
            predictor,
            model,
            posterior_of=posterior_of,
            progress=step,
            **reading,
        )
