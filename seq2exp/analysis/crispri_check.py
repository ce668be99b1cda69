"""CRISPRi at one gene: how mask and in-silico deletion agree with what silencing did."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from seq2exp.analysis.deletion import delete, interval_targets
from seq2exp.analysis.evaluate.metrics import trapezoid_auprc
from seq2exp.genome.annotation import Gene, without_version
from seq2exp.genome.locus import resolve_chrom
from seq2exp.genome.window import Window
from seq2exp.inference.perturb import Experiment
from seq2exp.inference.progress import Progress

#: What is compared with the effect of silencing an element, and how it is called on the screen.
SCORES = {"mean_mask": "mean mask", "lost": "in-silico deletion"}


def pairs_of(crispr: pd.DataFrame, gene: Gene) -> pd.DataFrame:
    """Return the rows of a table of CRISPRi pairs that are about a gene, by its id or symbol."""
    ids = crispr["gene_id"].map(without_version)
    symbols = crispr["gene_symbol"].str.upper()
    here = (ids == without_version(gene.id)) | (symbols == gene.name.upper())
    return crispr[here].reset_index(drop=True)


def within(pairs: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Return the pairs whose element has a base in a window, their chromosome called as it does."""
    place = window.interval
    names = [chrom for chrom in pairs["chrom"].unique() if resolve_chrom(str(chrom), [place.chrom])]
    inside = (
        pairs["chrom"].isin(names) & (pairs["start"] < place.end) & (pairs["end"] > place.start)
    )
    return pairs[inside].assign(chrom=place.chrom).reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class CrispriCheck:
    """How a model's scores agree with CRISPRi at one gene.

    Attributes
    ----------
    frame
        One row an element that was tested for the gene and has a base in its window: chrom, start,
        end (0-based half-open), effect (relative change of expression when it was silenced, -0.3 =
        30 % less), p_adjusted, significant, regulated (bool), mean_mask (of its bases in the
        window), delta (Δ log10(CAGE + 1) of its deletion), lost (-delta), dataset.
    tested
        How many elements were tested for the gene at all.
    agreement
        By score of `SCORES`, see `agreement`.
    complete
        False where the work was stopped.
    notes
        Sentences to show beside the numbers.
    """

    frame: pd.DataFrame
    tested: int
    agreement: dict[str, dict[str, Any]]
    complete: bool
    notes: tuple[str, ...]


def crispri_check(
    experiment: Experiment, crispr: pd.DataFrame, progress: Progress | None = None
) -> CrispriCheck:
    """Compare the elements that were tested for a window's gene with mask and deletion.

    Parameters
    ----------
    experiment
        The window, its network, rule and prior.
    crispr
        Pairs as `seq2exp.tracks.crispr.read_crispr` gives them (`Cell.crispr`).
    progress
        As for `deletion.delete`: stopping it leaves the elements that were done.
    """
    window = experiment.window
    pairs = pairs_of(crispr, window.gene)
    here = within(pairs, window)
    found = delete(experiment, interval_targets(here, window, "tested"), progress=progress)
    frame = here.iloc[: len(found.frame)].drop(columns=["gene_symbol", "gene_id", "cell"])
    frame["mean_mask"] = found.frame["mean_mask"]
    frame["delta"] = found.frame["delta"]
    frame["lost"] = -frame["delta"]
    notes = found.notes
    if len(here) < len(pairs):
        notes += (
            f"{len(pairs) - len(here):,} of {len(pairs):,} tested elements lie outside the window.",
        )
    return CrispriCheck(
        frame=frame,
        tested=len(pairs),
        agreement={name: agreement(frame, frame[name].to_numpy(np.float64)) for name in SCORES},
        complete=found.complete,
        notes=notes,
    )


def agreement(frame: pd.DataFrame, score: NDArray[np.float64]) -> dict[str, Any]:
    """Return how a score of elements agrees with what silencing them did.

    Parameters
    ----------
    frame
        effect and regulated, as `CrispriCheck.frame` has them.
    score
        [n]; higher means that an element matters more.

    Returns
    -------
    dict
        n (elements), n_effect (those with a measured effect), n_regulated; spearman: rank
        correlation with -effect (1: the more an element matters to the cells, the more to the
        model), None for fewer than three effects or where either is constant; auprc: of regulated
        against other elements, None where one class is missing (at random it is n_regulated / n).
    """
    effect = frame["effect"].to_numpy(np.float64)
    known = np.isfinite(effect)
    regulated = frame["regulated"].to_numpy(bool)
    rank = None
    if known.sum() >= 3 and np.ptp(effect[known]) > 0 and np.ptp(score[known]) > 0:
        rank = float(stats.spearmanr(score[known], -effect[known]).statistic)
    area = None
    if 0 < regulated.sum() < len(regulated):
        gene = np.zeros(len(regulated), np.int64)
        area = float(trapezoid_auprc(score, regulated, gene, np.ones((1, 1)))[0])
    return {
        "n": len(frame),
        "n_effect": int(known.sum()),
        "n_regulated": int(regulated.sum()),
        "spearman": rank,
        "auprc": area,
    }
