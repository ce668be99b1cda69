"""The Browser's deletions: those of the In silico page, and spans deleted in the figure."""

from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from pages.parts import experiments_work
from pages.parts.experiments_deletion import COLUMNS, as_shown
from pages.parts.experiments_kept import deleted_spans, forget, remembered
from pages.parts.experiments_table import Files, about_of, result_table
from pages.parts.work import Mask, Setting
from seq2exp.analysis.deletion import UNITS, Deletions, Target, delete, role_of
from seq2exp.genome.locus import Interval
from seq2exp.inference.jobs import Progress
from seq2exp.view.experiment_figures import lost

_NOTE = "Δ of the prediction without each interval: orange less, blue more expression"


@dataclass(frozen=True, eq=False)
class Effects:
    """What is known of deletions under the mask on show.

    Attributes
    ----------
    frame
        As `Deletions.frame`, with `of` and `how` (closed or neutralised); None without deletions.
    reference
        Predicted log10(CAGE + 1) without them.
    note
        What the row says.
    """

    frame: pd.DataFrame | None = None
    reference: float = float("nan")
    note: str = ""


def effects(mask: Mask) -> Effects:
    """Return the effects of all that was deleted under this mask; run what is missing of spans."""
    setting = mask.setting
    if setting is None:
        return Effects()
    made = [run for key in remembered(setting.key) if (run := _known(key)) is not None]
    pieces = [_labelled(run) for run in made]
    spans = deleted_spans(setting.window.interval)
    running = ""
    if spans:
        own = _spans(setting, mask, spans)
        if own is None:
            running = "deleting spans …"
        else:
            made.append(own)
            pieces.append(_labelled(own))
            _say(own)
    if not pieces:
        return Effects(pd.DataFrame(columns=[*UNITS]), note=running) if running else Effects()
    frame = pd.concat(pieces, ignore_index=True)
    # What was deleted last, and how, stands for its place.
    frame = frame.drop_duplicates(["start", "end"], keep="last", ignore_index=True)
    order = frame["delta"].abs().rank(ascending=False, method="first")
    return Effects(frame.assign(rank=order.astype("int64")), made[-1].reference, running or _NOTE)


def _known(key: object) -> Deletions | None:
    job = experiments_work.board().find(key)
    return job.result if job is not None and job.state == "done" else None


def _labelled(run: Deletions) -> pd.DataFrame:
    return run.frame.assign(how="neutralised" if run.neutralised else "mask closed")


def _spans(setting: Setting, mask: Mask, spans: list[Interval]) -> Deletions | None:
    """Return what deleting the spans does; None while it runs, or where it was stopped (said)."""
    if mask.prediction is None:
        return None
    window = setting.window
    targets = tuple(
        Target(f"span_{i}", span, role_of(window, span)) for i, span in enumerate(spans, start=1)
    )

    def work(progress: Progress) -> Deletions:
        made = delete(setting.experiment(), targets, progress=progress)
        return replace(made, frame=made.frame.assign(of="span"))

    key = (setting.key, targets)
    job = experiments_work.start("spans", key, work)
    made = experiments_work.finished("spans", job, "In silico")
    if made is not None and not made.complete:
        done = f"{len(made.frame)} of {len(targets)} spans are deleted."
        experiments_work.offer_the_rest("spans", key, done, work)
    return made


def _say(made: Deletions) -> None:
    """Say what deleting the last span does."""
    row = made.frame.iloc[-1]
    place = Interval(str(row["chrom"]), int(row["start"]), int(row["end"]))
    st.info(
        f"Without {place} ({place.width:,} bp): Δ **{row['delta']:+.4f}** log10(CAGE + 1), "
        f"{lost(row['share'])}; {made.reference + row['delta']:.3f} instead of "
        f"{made.reference:.3f}.",
        icon=":material/content_cut:",
    )


def effects_table(found: Effects, mask: Mask, dataset_name: str) -> None:
    """Show the row of deletion effects as a table, and a way to forget them."""
    setting = mask.setting
    if setting is None or found.frame is None or found.frame.empty:
        st.info(
            "Nothing is deleted under this mask yet. Shift-drag over the figure and choose "
            "“Delete in silico”, or delete many at once on the page **In silico**.",
            icon=":material/info:",
        )
        return
    frame = found.frame.sort_values("rank", kind="stable").reset_index(drop=True)
    window = setting.window
    shown = as_shown(frame, window.gene, bool((frame["how"] == "neutralised").any()))
    result_table(
        shown,
        "One row a deleted interval, the largest change first; Δ is the prediction without it "
        f"minus the reference {found.reference:.4f}, in log10(CAGE + 1).",
        "effects",
        COLUMNS,
        Files(
            f"{window.gene.name}_{window.cell}.effects",
            frame,
            {**UNITS, "of": "", "how": ""},
            about_of(setting, dataset_name),
        ),
    )
    st.button(
        "Forget these deletions",
        on_click=forget,
        args=(setting.key, window.interval),
        key="forget-deletions",
    )
