"""Edits of the inputs: what the user changes of a signal over a span, listed and undone one by one.

They lie in genome coordinates, so they stay while one looks at another gene or cell type, and take
effect in every window that they touch.
"""

from collections.abc import Mapping

import streamlit as st

from pages.parts.work import Mask
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval, parse_locus
from seq2exp.genome.window import Window
from seq2exp.inference.perturb import Edit, Effect, apply_edits
from seq2exp.inference.perturb.edits import FLANK
from seq2exp.view.experiment_figures import lost

#: The edits of this browser session, in their order.
EDITS = "edits"
#: The span to edit, as text; a Shift-drag in the Browser fills it in.
SPAN = "edit-span"
_SIGNAL, _ACTION, _FACTOR, _VALUE = "edit-signal", "edit-action", "edit-factor", "edit-value"
_PROBLEM, _BOX = "edit-problem", "edit-box"
_SIGNALS = {"DNase": "DNase", "H3K27ac": "H3K27ac", "Hi-C": "Hi-C contact with the TSS"}
_ACTIONS = {"scale": "Scale", "flatten": "Flatten", "paint": "Paint"}
_ACTION_HELP = (
    "**Scale** multiplies the signal (of Hi-C the contact itself, not its logarithm). **Flatten** "
    f"puts the straight line between the means of the {FLANK} bp on either side in its place, so "
    "a peak or a loop is gone. **Paint** sets it to a value."
)


def kept_edits() -> list[Edit]:
    """Return the edits of this browser session; the list itself."""
    return st.session_state.setdefault(EDITS, [])


def edited(window: Window) -> tuple[Window, tuple[Edit, ...]]:
    """Return a window with the edits that touch it applied, and those edits."""
    here = tuple(edit for edit in kept_edits() if edit.interval.overlaps(window.interval))
    return (apply_edits(window, here).window, here) if here else (window, ())


def edit_controls(lengths: Mapping[str, int]) -> None:
    """Ask for an edit, and list those made, each with a button that takes it back.

    Parameters
    ----------
    lengths
        Chromosome lengths in bp, to check the span against.
    """
    box = st.expander("Edit the inputs", icon=":material/edit:", key=_BOX, on_change="rerun")
    with box:
        st.caption(
            "Change a signal over a span, and see mask and expression follow: closed chromatin, "
            "a lost loop, an enhancer that is switched on."
        )
        st.text_input(
            "Span to edit",
            key=SPAN,
            placeholder="chr22:39,310,001-39,312,000",
            help="Type a locus, or Shift-drag over the Browser's figure and choose “Edit the "
            "inputs here”.",
        )
        st.selectbox("Signal", list(_SIGNALS), format_func=_SIGNALS.get, key=_SIGNAL)
        st.segmented_control(
            "Change",
            list(_ACTIONS),
            default="scale",
            required=True,
            format_func=_ACTIONS.get,
            key=_ACTION,
            help=_ACTION_HELP,
            width="stretch",
        )
        _amount()
        st.button(
            "Apply the edit",
            on_click=_apply,
            args=(dict(lengths),),
            width="stretch",
            type="primary",
        )
        if problem := st.session_state.pop(_PROBLEM, ""):
            st.error(problem, icon=":material/error:")
    _list()


def _amount() -> None:
    """Ask by how much, in the unit of the change and the signal."""
    action = st.session_state.get(_ACTION, "scale")
    if action == "scale":
        st.number_input(
            "Factor", 0.0, 1000.0, 0.0, 0.1, key=_FACTOR, help="0 takes the signal away."
        )
    elif action == "paint":
        contact = st.session_state.get(_SIGNAL) == "Hi-C"
        unit = "log10(1 + contact)" if contact else "as in the bigWig"
        st.number_input(f"Value ({unit})", 0.0, 1e6, 0.0, 1.0, key=_VALUE)


def _apply(lengths: dict[str, int]) -> None:
    state = st.session_state
    text = str(state.get(SPAN) or "").strip()
    action = state[_ACTION]
    value = {"scale": state.get(_FACTOR), "paint": state.get(_VALUE)}.get(action)
    try:
        if not text:
            raise InputError("Give the span to edit: Shift-drag over the figure, or type a locus.")
        place = parse_locus(text, lengths)
        kept_edits().append(Edit(place, action, state[_SIGNAL], value))
    except InputError as error:
        state[_PROBLEM] = str(error)


def _list() -> None:
    """List the edits that were made, the last one lowest, each with a button to undo it."""
    made = kept_edits()
    if not made:
        return
    st.markdown(f"**{len(made)} {'edit' if len(made) == 1 else 'edits'} of the inputs**")
    for i, edit in enumerate(made):
        text, button = st.columns([5, 2], vertical_alignment="center")
        text.caption(edit.describe())
        button.button(
            "Undo",
            key=f"undo-{i}-{hash(edit)}",
            on_click=_undo,
            args=(i,),
            help=f"Take this edit back: {edit.describe()}",
            type="tertiary",
            icon=":material/undo:",
        )
    st.caption("Reloading the page forgets edits; *Download* → *Session (JSON)* keeps them.")
    if len(made) > 1:
        st.button("Undo all edits", on_click=made.clear, width="stretch")


def _undo(number: int) -> None:
    del kept_edits()[number]


def edit_here(span: Interval) -> None:
    """Put a span into the field of the span to edit, and open it; only in a callback."""
    st.session_state[SPAN] = str(span)
    st.session_state[_BOX] = True


def say_change(edits: tuple[Edit, ...], now: Mask, before: Mask) -> None:
    """Say what the edits of a window did to prediction and mask, as far as that is known."""
    count = f"{len(edits)} {'edit' if len(edits) == 1 else 'edits'} of the inputs"
    others = len(kept_edits()) - len(edits)
    more = f" ({others} more outside this window)" if others else ""
    if now.prediction is None or before.prediction is None:
        st.info(f"Shown with {count}{more}; the comparison follows.", icon=":material/edit:")
        return
    old, new = before.prediction, now.prediction
    effect = Effect(old.expression, new.expression, float("nan"), float("nan"))
    st.info(
        f"Shown with {count}{more}: predicted **{new.expression:.3f}** instead of "
        f"{old.expression:.3f}, Δ **{effect.delta:+.3f}** log10(CAGE + 1) "
        f"({lost(effect.share)}); mask ratio {new.ratio:.2%} instead of "
        f"{old.ratio:.2%} of the window. Dotted lines show the inputs and the mask without edits.",
        icon=":material/edit:",
    )
