"""How well masks, peaks and signals find what was planted in simulated data."""

import pandas as pd
import streamlit as st

from pages.parts.models_controls import SCORE_GROUPS, choose_split, nothing, score_group
from pages.parts.models_table import Column, table
from seq2exp.analysis.result_tables import (
    FAMILIES,
    OWN_RATIO,
    Family,
    best,
    family,
    part_title,
    parts,
    truth_summary,
    truth_wide,
)
from seq2exp.analysis.results import Results
from seq2exp.view.model_figures import dots

_FORMS = {"raw": "as they are", "smoothed": "smoothed"}


def truth(results: Results) -> None:
    """Show one measure of all scores: a figure of one part, and a table of all of them."""
    frame = results.truth
    if frame is None or frame.empty:
        nothing("scores against planted truth, which only simulated data have")
        return
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    with row:
        name, about = _choose_family(frame)
        split = choose_split(frame, "truth-split")
        form = st.segmented_control(
            "Scores",
            list(_FORMS),
            default="raw",
            required=True,
            format_func=_FORMS.get,
            key="truth-form",
            help="Smoothed by a running mean whose width was chosen on the validation "
            "chromosomes. Peaks and hard rules call bases, and have no smoothed form.",
        )
    found = truth_summary(frame, split, name)
    # What has no smoothed form stands beside both.
    formed = found.groupby(["score", "model", "setting"])["smoothed"].transform("any")
    found = found[~formed | (found["smoothed"] == (form == "smoothed"))]
    if found.empty:
        st.info("Nothing was scored so on this split.")
        return
    chosen = parts(found)
    drawn = chosen[0]
    if len(chosen) > 1:
        drawn = st.segmented_control(
            f"{about.part or 'Part'} in the figure",
            chosen,
            default=drawn,
            required=True,
            format_func=part_title,
            key=f"truth-part-{name}",
        )
    _figure(found[found["part"] == drawn], name, about, drawn)
    _table(found, chosen, name, about, split)


def _choose_family(frame: pd.DataFrame) -> tuple[str, Family]:
    present = list(dict.fromkeys(family(metric)[0] for metric in frame["metric"]))
    families = [name for name in FAMILIES if name in present]
    families += [name for name in present if name not in FAMILIES]
    about = {name: FAMILIES.get(name, Family(name, "")) for name in families}
    name = st.segmented_control(
        "Measure",
        families,
        default=families[0],
        required=True,
        format_func=lambda name: about[name].title,
        key="truth-family",
    )
    return name, about[name]


def _figure(found: pd.DataFrame, name: str, about: Family, part: str) -> None:
    found = found.sort_values("value", ascending=False)
    where = f", {about.part.lower()}: {part_title(part)}" if part else ""
    st.plotly_chart(
        dots(
            list(found["label"]),
            list(found["value"]),
            list(found["low"]),
            list(found["high"]),
            f"{about.title}{where} (0 to 1; higher is better)",
            [score_group(score) for score in found["score"]],
            (0.5, "chance") if name == "element_auc" else None,
            SCORE_GROUPS,
        ),
        key=f"truth-figure-{name}",
        alt=f"{about.title}{where} of each score; the table below has all numbers.",
    )


def _table(found: pd.DataFrame, chosen: list[str], name: str, about: Family, split: str) -> None:
    wide = truth_wide(found)
    columns = {"label": Column("Score", pinned=True, width=400 if len(chosen) == 1 else 340)}
    for part in chosen:
        head = part_title(part) if part else about.title
        # Wide enough for a marked number with its interval, and for the head.
        columns[part or "value"] = Column(head, about.meaning, width=max(165, 20 + 7 * len(head)))
    columns |= {
        "ratio_text": Column(
            "Own share is" if name == "f1_at_ratio" else "Bases kept",
            "share of the window's bases that the score keeps",
            width=100,
        ),
        "seeds": Column("Seeds", "0: a score that is not learned", width=60),
        "genes": Column("Genes", "over which the interval was drawn", "localized", width=70),
    }
    values = found.pivot(index="label", columns="part", values="value").loc[wide["label"]]
    marks = {
        part or "value": best(values[part], highest=True) for part in chosen if part != OWN_RATIO
    }
    table(
        wide if wide["ratio_text"].any() else wide.drop(columns="ratio_text"),
        f"{about.meaning} In brackets the 95 % interval of a bootstrap over genes; with "
        f"several seeds the mean, and the interval that covers all of theirs ({split} "
        "chromosomes).",
        f"truth-{name}",
        columns,
        found,
        marks,
    )
