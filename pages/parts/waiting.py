"""Showing work in progress: what it does, how far it is, and a way to stop it."""

import streamlit as st

from seq2exp.analysis.plain import duration
from seq2exp.errors import InputError
from seq2exp.inference.jobs import Job, JobBoard

POLL_SECONDS = 0.4
STOPPABLE_AFTER_SECONDS = 3


def watch(job: Job, title: str, key: str) -> None:
    """Show the progress of `job` and rerun the page when it is over.

    Parameters
    ----------
    job : Job
        Work that is not over yet.
    title : str
        What the user is waiting for.
    key : str
        Streamlit key, unique on the page.
    """

    @st.fragment(run_every=POLL_SECONDS)
    def progress() -> None:
        if job.over:
            st.rerun()
        bar, button = st.columns([6, 1], vertical_alignment="center")
        bar.progress(job.fraction, text=f"{title}: {job.text} ({_times(job)})")
        if job.seconds > STOPPABLE_AFTER_SECONDS and button.button("Stop", key=f"stop-{key}"):
            job.stop()

    progress()


def _times(job: Job) -> str:
    """Say how long a job has run and, where that can be told, how long it still takes."""
    left = job.seconds_left
    more = "" if left is None else f", about {duration(left)} left"
    return f"{job.seconds:.0f} s{more}"


def explain_failure(board: JobBoard, job: Job, what: str, key: str) -> None:
    """Say why a finished job has no result, and offer to try again."""
    job.raise_if_unexpected()
    if isinstance(job.error, InputError):
        st.error(str(job.error), icon=":material/error:")
    else:
        st.info(f"{what} was stopped.", icon=":material/stop_circle:")
    if st.button("Run again", key=f"again-{key}"):
        board.forget(job.key)
        st.rerun()
