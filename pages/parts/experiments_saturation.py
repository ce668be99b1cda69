"""The tab of saturation: what every base of an element does, as letters."""

import pandas as pd
import streamlit as st

from pages.parts.experiments_subject import Subject
from pages.parts.experiments_table import Download, Files, about_of, notes, result_table
from pages.parts.experiments_work import found, offer_the_rest, ready
from pages.parts.models_table import Column
from pages.parts.work import Setting
from seq2exp.analysis.saturation import LONGEST, Saturation, cost_of, saturate
from seq2exp.errors import InputError
from seq2exp.export.effects import effects_bedgraph
from seq2exp.genome.locus import Interval, parse_locus, to_one_based
from seq2exp.genome.window import BASES
from seq2exp.view.saturation_figure import saturation_figure

#: Between an element's name and its place in the list to choose from.
_DASH = " · "
_MASKS = {"held": "Mask held (fast)", "recomputed": "Mask made anew"}
_COLUMNS = {
    "position": Column("Position (1-based)", "bp", "localized", pinned=True),
    "base": Column("Base", "of the reference", width=60),
    "letter": Column(
        "Adds",
        "log10(CAGE + 1): the base there beside the mean of the other three; the letter's height",
        "%+.3g",
    ),
    **{
        base: Column(f"Δ to {base}", f"log10(CAGE + 1) with {base} there minus reference", "%+.3g")
        for base in BASES[:4]
    },
}
_UNITS = {
    "chrom": "",
    "position": "1-based",
    "base": "",
    "letter": "log10(CAGE+1)",
    **{f"to_{base}": "log10(CAGE+1)" for base in BASES[:4]},
}


def saturation(subject: Subject) -> None:
    """Ask for a span, run the saturation, and show its letters."""
    st.markdown(
        "**Which bases of an element count?** Every base of a span is put in place of each of the "
        "three others. A tall letter stands where the base adds to the predicted expression; one "
        "that hangs down takes from it. Rows of tall letters are often motifs."
    )
    span, mask = _controls(subject)
    setting = ready(subject.mask)
    if setting is None or span is None:
        return
    key = (setting.key, span, mask)

    def work(progress):
        return saturate(setting.experiment(), span, mask=mask, progress=progress)

    made = found(
        "saturation",
        key,
        str(span),
        f"Saturate {span.width:,} bp",
        f"{span}: {cost_of(span.width, mask)}",
        work,
    )
    if made is None:
        return
    if not made.complete:
        done = int(made.effects.shape[0] - pd.isna(made.letters).sum())
        offer_the_rest(
            "saturation", key, f"{done:,} of {span.width:,} bases are substituted.", work
        )
    _show(subject, setting, made)


def _controls(subject: Subject) -> tuple[Interval | None, str]:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    names = [
        f"{element.name}{_DASH}{element.interval}"
        for element in sorted(subject.mask.elements, key=lambda one: -one.mean_mask)
    ]
    text = left.selectbox(
        f"Element or span (at most {LONGEST} bp)",
        names,
        index=0 if names else None,
        accept_new_options=True,
        key="span",
        bind="query-params",
        placeholder="Type a locus, e.g. chr22:39,310,001-39,310,200",
        help="The learned elements, the one with the highest mean mask first, or any locus. Of a "
        f"longer one the middle {LONGEST} bp are taken, of an element those round its summit.",
    )
    mask = right.segmented_control(
        "Mask",
        list(_MASKS),
        default="held",
        required=True,
        format_func=_MASKS.get,
        key="saturation-mask",
        bind="query-params",
        help="**Held**: what a base does through the predictor alone. **Made anew**: its whole "
        "effect; every substitution then runs the whole network on the whole window.",
        width="stretch",
    )
    if not text:
        st.info("Choose an element, or type a locus.", icon=":material/info:")
        return None, mask
    try:
        span = span_of(text, subject)
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        return None, mask
    asked = _locus(text, subject)
    if span.width < asked.width:
        st.caption(
            f":material/content_cut: {span.width:,} of the {asked.width:,} bp: those round the "
            "summit of an element, or in the middle of another span."
        )
    return span, mask


def _locus(text: str, subject: Subject) -> Interval:
    return parse_locus(text.rsplit(_DASH, maxsplit=1)[-1], subject.dataset.lengths)


def span_of(text: str, subject: Subject) -> Interval:
    """Return the span that is meant, not longer than may be and inside the window.

    Raises
    ------
    InputError
        For text that is no locus, or one outside the window.
    """
    lengths = subject.dataset.lengths
    place = _locus(text, subject)
    window = subject.window.interval.clip(lengths[subject.window.interval.chrom])
    inside = place.intersection(window)
    if inside is None:
        raise InputError(
            f"{place} lies outside the window of {subject.window.gene.name}, {window}; choose a "
            "span in there."
        )
    if inside.width <= LONGEST:
        return inside
    summits = [one.summit for one in subject.mask.elements if one.interval == place]
    middle = summits[0] if summits else inside.center
    start = min(max(middle - LONGEST // 2, inside.start), inside.end - LONGEST)
    return Interval(place.chrom, start, start + LONGEST)


def _show(subject: Subject, setting: Setting, made: Saturation) -> None:
    notes(made.notes)
    st.plotly_chart(
        saturation_figure(made),
        key="saturation-figure",
        alt=f"Letters of {made.interval} as tall as each base matters, and the effect of every "
        "substitution; the table below has all numbers.",
    )
    frame = letters_frame(made)
    chrom, start = made.interval.chrom, made.interval.start
    tall = frame["letter"].abs()
    if tall.notna().any() and tall.max() > 0:
        top = frame.loc[tall.idxmax()]
        st.caption(
            f"The base that counts most is {top['base']} at {chrom}:{top['position']:,}: "
            f"{top['letter']:+.3g} log10(CAGE + 1) beside the mean of the other three. Drag over "
            "the figure to zoom in, double-click to zoom out."
        )
    places = pd.DataFrame({"chrom": chrom, "start": range(start, made.interval.end)})
    places["end"] = places["start"] + 1
    about = about_of(
        setting,
        subject.dataset.name,
        span=str(made.interval),
        substitutions=_MASKS[made.mask],
        reference=f"{made.reference:.6g} log10(CAGE+1)",
    )
    name = f"bases of {setting.window.gene.name} {setting.window.cell}"
    described = "; ".join(f"{key}: {text}" for key, text in about.items())
    bars = places.assign(delta=frame["letter"])
    result_table(
        frame.rename(columns={f"to_{base}": base for base in BASES[:4]}),
        f"One row a base of {made.interval}; Δ is the prediction with the other base minus the "
        f"reference {made.reference:.4f}, in log10(CAGE + 1).",
        "saturation",
        _COLUMNS,
        Files(
            f"{subject.stem}.saturation",
            frame,
            _UNITS,
            about,
            (
                Download(
                    "bedGraph",
                    "bedGraph",
                    lambda: effects_bedgraph(bars, subject.dataset.lengths, name, described),
                ),
            ),
        ),
        places=places,
    )


def letters_frame(made: Saturation) -> pd.DataFrame:
    """Return one row a base: place (1-based), base, letter's height, Δ of each substitution."""
    places = range(made.interval.start, made.interval.end)
    frame = pd.DataFrame(
        {
            "chrom": made.interval.chrom,
            "position": [to_one_based(place) for place in places],
            "base": list(made.sequence),
            "letter": made.letters,
        }
    )
    for i, base in enumerate(BASES[:4]):
        frame[f"to_{base}"] = made.effects[:, i]
    return frame
