"""In-silico experiments as jobs: offered with their cost, stoppable, and kept by content."""

from collections.abc import Callable, Hashable
from typing import Any

import streamlit as st

from pages.parts import resources
from pages.parts.waiting import explain_failure, watch
from pages.parts.work import Mask, Setting, newest
from seq2exp.analysis.plain import duration
from seq2exp.inference.jobs import Job, JobBoard, Progress

#: Share of a run that loads, hashes and hands over, beside the network's own time.
_OVERHEAD = 1.05

Work = Callable[[Progress], Any]


def board() -> JobBoard:
    """Return the board of experiments."""
    return resources.boards()["experiments"]


def found(kind: str, key: Hashable, title: str, label: str, cost: str, work: Work) -> Any | None:
    """Return what an experiment came to; else offer it, or show how far it is.

    Parameters
    ----------
    kind
        Which of the page's experiments; this session has one of each running.
    key
        All that the result depends on.
    title
        What stands before the progress of the work: the gene or the span.
    label, cost
        Of the button that starts it, and beside it.
    work
        The experiment; returns what is done where it is stopped.
    """
    job = board().find((kind, key))
    if job is None:
        row = st.container(horizontal=True, vertical_alignment="center", key=f"offer-{kind}")
        pressed = row.button(label, type="primary", icon=":material/play_arrow:", key=f"run-{kind}")
        row.caption(cost)
        if pressed:
            start(kind, key, work)
            st.rerun()
        return None
    return finished(kind, job, title)


def start(kind: str, key: Hashable, work: Work) -> Job:
    """Start an experiment in place of this session's last one of its kind, if that still runs."""
    return newest(board(), kind, (kind, key), work)


def finished(kind: str, job: Job, title: str) -> Any | None:
    """Return the result of an experiment that was started; None, saying why, without one."""
    if not job.over:
        watch(job, title, kind)
        return None
    if job.state != "done":
        explain_failure(board(), job, "The experiment", kind)
        return None
    return job.result


def offer_the_rest(kind: str, key: Hashable, done: str, work: Work) -> None:
    """Say how far a stopped experiment came, and offer to go on; what is done is not done again."""
    row = st.container(horizontal=True, vertical_alignment="center", key=f"rest-{kind}")
    row.warning(f"Stopped: {done} What is done stands below.", icon=":material/stop_circle:")
    if row.button("Go on", icon=":material/play_arrow:", key=f"go-on-{kind}"):
        board().forget((kind, key))
        start(kind, key, work)
        st.rerun()


def cost_of(mask: Mask, predictor_runs: float, generator_runs: float = 0.0) -> str:
    """Say how long runs of the network's halves take here, as the mask on show tells.

    Parameters
    ----------
    mask
        With its prediction, whose seconds are measured.
    predictor_runs, generator_runs
        How many windows of the full length each half reads.
    """
    if mask.prediction is None:
        return ""
    one = mask.prediction.seconds
    generator = max(mask.seconds - one, 0.0)
    return (
        f"at most about {duration(_OVERHEAD * (predictor_runs * one + generator_runs * generator))}"
    )


def ready(mask: Mask) -> Setting | None:
    """Return what experiments start from; None, saying so, while mask or prediction are not known.

    An experiment that began before would run beside the first prediction and slow it down.
    """
    if mask.setting is None or mask.prediction is None:
        st.info(
            "This starts from the gene's mask and prediction, which are not known yet.",
            icon=":material/hourglass_empty:",
        )
        return None
    return mask.setting
