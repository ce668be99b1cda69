"""How long work tells how far it is."""

from collections.abc import Callable, Sequence

import numpy as np

from seq2exp.genome.annotation import Gene

#: Called as ``progress(fraction, text)``; the work stops where it raises.
Progress = Callable[[float, str], None]


def part_of(progress: Progress | None, low: float, high: float) -> Progress | None:
    """Return a progress callback whose 0..1 is `low`..`high` of the whole."""
    if progress is None:
        return None
    return lambda fraction, text: progress(low + (high - low) * fraction, text)


def gene_by_gene(
    progress: Progress | None, genes: Sequence[Gene], weights: Sequence[float]
) -> list[Progress | None]:
    """Return the progress of each gene: its share of the whole, with its name before each text.

    Parameters
    ----------
    weights
        What each gene takes, in any unit; together more than zero.
    """
    if progress is None:
        return [None] * len(genes)
    edges = np.concatenate([[0.0], np.cumsum(weights)]) / max(sum(weights), 1e-9)

    def of_one(number: int, gene: Gene) -> Progress:
        low, high = float(edges[number]), float(edges[number + 1])
        head = f"{gene.name}, gene {number + 1:,} of {len(genes):,}"
        return lambda fraction, text: progress(
            low + (high - low) * fraction, f"{head}: {text[:1].lower()}{text[1:]}"
        )

    return [of_one(number, gene) for number, gene in enumerate(genes)]
