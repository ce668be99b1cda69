"""The comparison as jobs: the main one, and those of sweeps and shuffles once they are asked."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import streamlit as st

from pages.parts import resources
from pages.parts.compare_sets import content_of
from pages.parts.waiting import explain_failure, watch
from pages.parts.work import mask_key, newest
from seq2exp.analysis.compare.gene import Comparer
from seq2exp.analysis.compare.kept import compare_kept
from seq2exp.analysis.compare.pooled import Comparison
from seq2exp.analysis.compare.sets import PEAKS, IntervalSet
from seq2exp.analysis.compare.settings import Settings
from seq2exp.analysis.compare.sweeps import PeakSeries, RuleSeries
from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.annotation import Gene
from seq2exp.genome.window import Window
from seq2exp.inference.jobs import Progress
from seq2exp.inference.posteriors import PosteriorStore
from seq2exp.inference.predictor import MaskRule
from seq2exp.inference.progress import part_of
from seq2exp.model.beta import BetaPrior, MaskPosterior
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.tracks.peaks import PeakCaller, PeakParameters

#: What a job of the page is for.
Purpose = Literal["main", "chance", "masks", "peaks"]
_TITLES = {
    "main": "Comparison",
    "chance": "Shuffled intervals",
    "masks": "The same at other thresholds of the mask",
    "peaks": "The same with other peaks",
}
#: Seconds that the page waits before it shows how far a job is.
_PATIENCE = 0.4
#: Share of a job's progress that calling peaks takes where that is still to be done, and calling
#: them at several q-values.
_CALLING, _CALLING_MANY = 0.1, 0.6


@dataclass(frozen=True, eq=False)
class Question:
    """What is compared with what, on the page.

    Attributes
    ----------
    dataset, cell, entry, genes
        Whose masks and peaks.
    prior, rule
        How a mask is read; the prior of training leaves it as it is.
    settings
        Without sweep and shuffles.
    caller, parameters
        Of the peaks.
    others
        Further sets.
    """

    dataset: Dataset
    cell: str
    entry: ModelEntry
    genes: Sequence[Gene]
    prior: BetaPrior
    rule: MaskRule
    settings: Settings
    caller: PeakCaller
    parameters: PeakParameters
    others: Sequence[IntervalSet]

    def key(self, purpose: Purpose, settings: Settings) -> Hashable:
        """Return all that the result depends on."""
        return (
            purpose,
            self.dataset.digest,
            self.cell,
            self.entry.content,
            tuple((gene.id, gene.tss) for gene in self.genes),
            self.prior,
            self.rule,
            settings,
            self.parameters,
            tuple(content_of(one) for one in self.others),
        )

    def whose(self) -> Hashable:
        """Return what decides which masks are needed."""
        ids = tuple(gene.id for gene in self.genes)
        return self.dataset.digest, self.cell, self.entry.content, ids


def compared(question: Question, purpose: Purpose = "main", **more: object) -> Comparison | None:
    """Return the comparison if it is known by now; else show how far it is, or why there is none.

    Parameters
    ----------
    question
        What to compare.
    purpose
        "masks" adds the sweep over the mask's threshold, "peaks" that over the peaks' q-value; what
        "chance" adds stands in `more`.
    more
        Changes of the settings.
    """
    settings = replace(question.settings, **more)
    board = resources.boards()["compare"]
    job = newest(
        board,
        f"compare-{purpose}",
        question.key(purpose, settings),
        lambda progress: _compare(question, settings, purpose, progress),
    )
    # What is known at once is shown at once: a bar that flashes by would make the page jump.
    if not job.wait(_PATIENCE):
        watch(job, _TITLES[purpose], f"compare-{purpose}")
        return None
    if job.state != "done":
        explain_failure(board, job, "The comparison", f"compare-{purpose}")
        if job.state == "stopped":
            st.caption(
                "The masks that were found so far are kept: running again goes on from there, and "
                "“Done before” compares the genes that have one."
            )
        return None
    return job.result


def _compare(
    question: Question, settings: Settings, purpose: Purpose, progress: Progress
) -> Comparison:
    progress(0.0, "loading the model")
    predictor = resources.predictor(question.entry)
    rule, _ = predictor.applied(question.rule)
    caller, parameters = question.caller, question.parameters
    share = 0.0 if caller.cached(parameters) is not None else _CALLING
    if purpose == "peaks":
        share = _CALLING_MANY
    progress(0.0, "calling peaks")
    calling = part_of(progress, 0.0, share)
    peaks = IntervalSet(PEAKS, caller.peaks(parameters, calling))
    series = None
    if purpose == "masks":
        settings = replace(settings, rules=RuleSeries.of(rule))
    if purpose == "peaks":
        series = PeakSeries.call(caller, parameters=parameters, progress=calling)
    trained = predictor.config.prior
    return compare_kept(
        Comparer(question.dataset, peaks, rule, settings, question.others, series),
        predictor,
        question.genes,
        question.cell,
        PosteriorStore.of(question.dataset, question.cell, question.entry),
        prior=None if question.prior == trained else question.prior,
        known=_of_browser(question),
        progress=part_of(progress, share, 1.0),
    )


def _of_browser(question: Question):
    """Return what finds the masks that the Browser already has."""
    board = resources.boards()["model"]

    def known(window: Window) -> MaskPosterior | None:
        job = board.find(mask_key(question.dataset, window, question.entry))
        return job.result[0] if job is not None and job.state == "done" else None

    return known
