"""Which deletions this browser session has made, so that the Browser can show them."""

from collections.abc import Hashable

import streamlit as st

from seq2exp.genome.locus import Interval

#: By the key of a mask's setting, the jobs of its deletions, the latest last.
_RUNS = "deletion-runs"
#: Spans that were deleted in the Browser's figure, in their order.
_SPANS = "deleted-spans"


def remember(setting: Hashable, job: Hashable) -> None:
    """Keep a job's deletions for as long as the mask is set as it was for them."""
    runs = st.session_state.setdefault(_RUNS, {}).setdefault(setting, [])
    if job in runs:
        runs.remove(job)
    runs.append(job)


def remembered(setting: Hashable) -> list[Hashable]:
    """Return the jobs of the deletions under a setting, the latest last."""
    return list(st.session_state.get(_RUNS, {}).get(setting, ()))


def delete_span(span: Interval) -> None:
    """Take a span among those that are deleted in the figure, as the latest."""
    spans = st.session_state.setdefault(_SPANS, [])
    if span in spans:
        spans.remove(span)
    spans.append(span)


def deleted_spans(window: Interval) -> list[Interval]:
    """Return the spans deleted in the figure that touch a window, the latest last."""
    return [span for span in st.session_state.get(_SPANS, ()) if span.overlaps(window)]


def forget(setting: Hashable, window: Interval) -> None:
    """Forget the deletions under a setting, and the spans that touch a window."""
    st.session_state.get(_RUNS, {}).pop(setting, None)
    kept = [span for span in st.session_state.get(_SPANS, ()) if not span.overlaps(window)]
    st.session_state[_SPANS] = kept
