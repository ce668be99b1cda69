"""What the page needs computed: started as jobs, and shown as far as it is known by now."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st
from numpy import float32
from numpy.typing import NDArray

from pages.parts import resources
from pages.parts.waiting import explain_failure, watch
from seq2exp.analysis.answer import find_elements
from seq2exp.analysis.elements import Element
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.genome.window import Window
from seq2exp.inference.jobs import Job, JobBoard, Progress
from seq2exp.inference.perturb import Edit, Experiment
from seq2exp.inference.predictor import MaskRule, Prediction, Predictor
from seq2exp.model.beta import BetaPrior, MaskPosterior
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.tracks.peaks import PeakCaller, PeakParameters


def open_data() -> Dataset:
    """Return the data set asked for; show the making of the demo data where that comes first."""
    try:
        asked = resources.arguments()
    except InputError as error:
        st.error(str(error), icon=":material/terminal:")
        st.stop()
    path = asked.dataset
    if path == resources.DEMO:
        job = resources.demo_job()
        if not job.over:
            st.title("Seq2Exp Browser")
            st.write(
                "First start: simulating a small genome with known regulation, in the formats of "
                "measured data. It is kept for the next time."
            )
            watch(job, "Demo data", "demo")
            st.stop()
        if job.state != "done":
            explain_failure(resources.boards()["setup"], job, "Making the demo data", "demo")
            st.stop()
        path = job.result
    try:
        return resources.open_dataset(path, asked.root)
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()


@dataclass(frozen=True, eq=False)
class Setting:
    """What experiments on a gene start from.

    Attributes
    ----------
    key
        All that it depends on, by content: data set, cell type, gene, model, edits, prior, rule.
    predictor, window, rule, prior, trained
        As `Experiment` takes them.
    edits
        What was edited in `window`.
    """

    key: Hashable
    predictor: Predictor
    window: Window
    rule: MaskRule
    prior: BetaPrior | None
    trained: MaskPosterior
    edits: tuple[Edit, ...]

    def experiment(self) -> Experiment:
        """Return what runs experiments; digests of window and weights are made here."""
        return Experiment(self.predictor, self.window, self.rule, self.prior, self.trained)


@dataclass
class Mask:
    """What the model says under the prior and rule on show; None where it is not known yet."""

    posterior: MaskPosterior | None = None
    rule: MaskRule | None = None
    values: NDArray[float32] | None = None
    elements: tuple[Element, ...] = ()
    prediction: Prediction | None = None
    seconds: float = 0.0
    note: str = ""
    busy: str = ""
    setting: Setting | None = None


def newest(board: JobBoard, slot: str, key: Hashable, work: Callable[[Progress], Any]) -> Job:
    """Start a job in place of this session's last one of the same `slot`, if that still runs.

    Somebody who drags a slider or clicks through genes waits for the last of them only.
    """
    before = st.session_state.get(f"job-{slot}")
    if before is not None and before != key:
        last = board.find(before)
        if last is not None and not last.over:
            board.forget(before)
    st.session_state[f"job-{slot}"] = key
    return board.start(key, work)


def learned_mask(
    dataset: Dataset,
    window: Window,
    entry: ModelEntry,
    prior: BetaPrior,
    rule: MaskRule,
    element_rule: tuple[int, int],
    edits: tuple[Edit, ...] = (),
    which: str = "",
) -> Mask:
    """Return what is known of the mask by now, and start what is missing.

    Parameters
    ----------
    dataset, window, entry, prior, rule, element_rule
        What the model reads, and how its posterior becomes a mask and elements.
    edits
        What was edited in `window`.
    which
        What tells this mask from the one on show, where a page has several: "unedited".
    """
    boards = resources.boards()
    key = mask_key(dataset, window, entry, edits)
    slot = f"-{which}" if which else ""
    name = " ".join(filter(None, [window.gene.name, which]))

    def run_generator(progress: Progress) -> tuple[MaskPosterior, float]:
        progress(0.0, "loading the model")
        predictor = resources.predictor(entry)
        begun = time.perf_counter()
        return predictor.posterior(window, progress), time.perf_counter() - begun

    generator = newest(boards["model"], f"model{slot}", key, run_generator)
    if not generator.over:
        watch(generator, f"Learned mask of {name}", f"generator{slot}")
        return Mask(note="the model is running", busy="learned mask: running")
    if generator.state != "done":
        explain_failure(boards["model"], generator, "The model", f"generator{slot}")
        return Mask(note="no mask")
    predictor = resources.predictor(entry)
    trained, seconds = generator.result
    tilt = None if prior == trained.prior else prior
    posterior = trained if tilt is None else trained.retilt(tilt)
    applied, _ = predictor.applied(rule)
    # A soft mask is the same at every threshold; only the elements change.
    reading = replace(rule, threshold=MaskRule.threshold) if applied.mode == "soft" else rule
    express = newest(
        boards["expression"],
        f"expression{slot}",
        (key, prior, reading),
        lambda progress: predictor.predict(window, reading, tilt, trained, progress),
    )
    elements = find_elements(window, posterior, applied, dataset.lengths, *element_rule)
    found = Mask(posterior, applied, applied.mask(posterior), tuple(elements))
    found.setting = Setting((key, prior, reading), predictor, window, reading, tilt, trained, edits)
    if not express.over:
        said = f"Expression, {which}" if which else "Expression under this mask"
        watch(express, said, f"expression{slot}")
        found.busy = "expression: running"
    elif express.state == "done":
        found.prediction = express.result
        found.seconds = seconds + express.seconds
    else:
        explain_failure(boards["expression"], express, "The prediction", f"expression{slot}")
    return found


def mask_key(
    dataset: Dataset, window: Window, entry: ModelEntry, edits: tuple[Edit, ...] = ()
) -> tuple[Hashable, ...]:
    """Return the key of the job that finds a window's mask: all that it depends on."""
    gene = window.gene
    plain = (dataset.digest, window.cell, gene.id, gene.tss, entry.content)
    return (*plain, edits) if edits else plain


def called_peaks(
    dataset: Dataset, cell: str, caller: PeakCaller, parameters: PeakParameters
) -> tuple[pd.DataFrame | None, str]:
    """Return the peaks if they are known by now (else start calling them), and what to say."""
    try:
        found = caller.cached(parameters)
        about = f"q ≤ {parameters.q:g}"
        if caller.kind == "imported" and found is not None:
            every = caller.cached(replace(parameters, q=1.0))
            about = f"{len(found):,} of {0 if every is None else len(every):,} in the file: {about}"
        if caller.knob == "cutoff":
            about = f"signal ≥ {caller.cutoff(parameters):.3g}"
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        return None, "no peaks"
    if found is not None:
        return found, about
    board = resources.boards()["peaks"]
    job = board.start(
        (dataset.digest, cell, parameters), lambda progress: caller.peaks(parameters, progress)
    )
    if not job.over:
        watch(job, "MACS3 peaks", "peaks")
        return None, "MACS3 is running"
    if job.state == "done":
        return job.result, about
    explain_failure(board, job, "MACS3", "peaks")
    return None, "no peaks"
