"""The comparison of gene after gene."""

from collections.abc import Callable, Sequence

from seq2exp.analysis.compare.gene import Comparer, GeneComparison
from seq2exp.analysis.compare.pooled import Comparison
from seq2exp.errors import InputError
from seq2exp.genome.annotation import Gene
from seq2exp.genome.window import Window
from seq2exp.inference.predictor import Predictor
from seq2exp.inference.progress import Progress
from seq2exp.model.beta import BetaPrior, MaskPosterior


def compare_genes(
    comparer: Comparer,
    predictor: Predictor,
    genes: Sequence[Gene],
    cell: str,
    *,
    prior: BetaPrior | None = None,
    posterior_of: Callable[[Window], MaskPosterior | None] | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare gene after gene.

    Parameters
    ----------
    comparer
        Compares one.
    predictor
        Finds the masks.
    genes
        Which.
    cell
        Cell type of the peaks.
    prior
        Tilt the masks to this prior; None: leave them.
    posterior_of
        A posterior that is known already, under the prior of training; None for one that is not.
    progress
        Told of every gene; an exception that it raises ends the work.

    Returns
    -------
    Comparison
        Of the genes in their order; those whose window cannot be read or computed are left out.

    Raises
    ------
    InputError
        Where no gene is left.
    """
    found: list[GeneComparison] = []
    left_out: list[tuple[Gene, str]] = []
    for i, gene in enumerate(genes):
        if progress is not None:
            progress(i / len(genes), f"{gene.name}: gene {i + 1:,} of {len(genes):,}")
        try:
            window = comparer.dataset.window(gene, cell)
            posterior = None if posterior_of is None else posterior_of(window)
            posterior = predictor.posterior(window) if posterior is None else posterior
        except InputError as error:
            left_out.append((gene, str(error)))
            continue
        if prior is not None:
            posterior = posterior.retilt(prior)
        found.append(comparer.compare(window, posterior))
    if not found:
        raise InputError(left_out[0][1] if left_out else "Choose a gene to compare.")
    return Comparison(comparer, found, left_out)
