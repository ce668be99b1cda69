"""What the checks of a new cell type say, with the figure of its signals, and accepting it."""

from collections.abc import Hashable
from pathlib import Path

import pandas as pd
import streamlit as st

from pages.parts import resources
from pages.parts.data_added import accept
from pages.parts.data_form import JUST_NOW, empty_form
from pages.parts.models_table import Column, table
from pages.parts.waiting import explain_failure, watch
from pages.parts.work import newest
from seq2exp.datasets.adding import Check, Given, Report, Store, examine
from seq2exp.datasets.catalog import Dataset
from seq2exp.files import digest
from seq2exp.model.checkpoint import ModelEntry, card_path
from seq2exp.view.data_figures import scales

_ICONS = {
    "pass": ":green[:material/check_circle:]",
    "note": ":blue[:material/info:]",
    "warn": ":orange[:material/warning:]",
    "fail": ":red[:material/cancel:]",
}
_WORDS = {"pass": "fits", "note": "good to know", "warn": "read this first", "fail": "mend this"}
_CHECKS = {
    "file": Column("File", pinned=True),
    "what": Column("Looked at"),
    "verdict": Column("Verdict", "pass, note, warn (can be added) or fail (cannot)"),
    "found": Column("What is so"),
    "fix": Column("What to do"),
}
_SCALES = {
    "track": Column("Track", pinned=True),
    "label": Column("Cell type", pinned=True),
    "windows": Column("Windows", "genes' windows of 200 kb that were read", "localized"),
    "bases": Column("Values", "bases (every 20th of the windows), or genes", "localized"),
    "bases_with_signal": Column("Not 0", "share of these values", "percent"),
    "mean": Column("Mean", "", "%.4g"),
    "median_above_0": Column("Median above 0", "", "%.4g"),
    "p90": Column("90 %", "this share of the values is lower", "%.4g"),
    "p99": Column("99 %", "this share of the values is lower", "%.4g"),
    "p99_9": Column("99.9 %", "this share of the values is lower", "%.4g"),
    "mean_of_top_1_percent": Column("Height", "mean of the highest 1 % of the values", "%.4g"),
    "highest": Column("Highest", "", "%.4g"),
}


def verdicts(dataset: Dataset, store: Store, given: Given, entry: ModelEntry | None) -> None:
    """Show the checks if they are done by now, and offer to add the cell type."""
    st.subheader(f"Checks of {given.name or 'the new cell type'}", anchor="checks", divider="gray")
    board = resources.boards()["data"]
    card = None if entry is None else entry.card
    key = _key(dataset, given, entry)
    before = board.find(key)
    just_now = st.session_state.pop(JUST_NOW, False)
    if before is not None and before.over:
        # A file on the web may be there by now; what was made of the files may have gone with a
        # cell type that was removed.
        if just_now or (before.state == "done" and not before.result.there):
            board.forget(key)
    job = newest(
        board, "check", key, lambda progress: examine(given, dataset, store, card, progress)
    )
    if not job.over:
        watch(job, "Checking", "check")
        return
    if job.state != "done":
        explain_failure(board, job, "The check", "check")
        st.caption("A download that was stopped goes on where it stopped.")
        return
    report: Report = job.result
    _headline(report, given)
    for file in dict.fromkeys(check.file for check in report.checks):
        _file(file, [check for check in report.checks if check.file == file])
    if report.scales:
        _figure(report)
    with st.expander("The checks as a table"):
        table(
            pd.DataFrame([vars(check) for check in report.checks]),
            "One row a check.",
            f"checks-{given.name or 'new'}",
            _CHECKS,
        )
    row = st.container(horizontal=True)
    if report.spec is not None and report.accepted:
        count = report.count("warn")
        despite = f" despite {count} warning{'' if count == 1 else 's'}" if count else ""
        row.button(
            f"Add {report.spec.name}{despite}",
            type="primary",
            icon=":material/add_circle:",
            on_click=accept,
            args=(store, report.spec),
        )
    row.button("Clear the form", icon=":material/backspace:", on_click=empty_form)


def _key(dataset: Dataset, given: Given, entry: ModelEntry | None) -> Hashable:
    """Return all that the checks depend on; a file on this computer by its size and time."""
    stats = []
    for text in given.files().values():
        path = Path(text).expanduser()
        stat = path.stat() if path.is_file() else None
        stats.append(None if stat is None else (stat.st_size, stat.st_mtime_ns))
    # The model's card names its training data.
    model = None if entry is None else digest(card_path(entry.path))
    return ("check", dataset.digest, given, tuple(stats), model)


def _headline(report: Report, given: Given) -> None:
    passed = f"{report.count('pass')} of {len(report.checks)} checks passed"
    fails, warns = report.count("fail"), report.count("warn")
    if fails:
        st.error(
            f"{given.name or 'It'} cannot be added yet: {passed}, {_times(fails, 'thing')} to "
            "mend, marked below.",
            icon=":material/cancel:",
        )
    elif warns:
        st.warning(
            f"{given.name} can be added: {passed}. Read the {_times(warns, 'warning')} first.",
            icon=":material/warning:",
        )
    else:
        st.success(f"{given.name} can be added: {passed}.", icon=":material/check_circle:")


def _times(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _file(file: str, checks: list[Check]) -> None:
    """Show the checks of one file: what needs reading in full, the rest behind a line."""
    worst = next(v for v in ("fail", "warn", "note", "pass") if v in {c.verdict for c in checks})
    with st.expander(
        f"{_ICONS[worst]} **{file}**: {_summary(checks)}", expanded=worst in ("fail", "warn")
    ):
        for check in checks:
            fix = f"  \n**What to do:** {check.fix}" if check.fix else ""
            st.markdown(
                f"{_ICONS[check.verdict]} **{check.what}** ({_WORDS[check.verdict]}): "
                f"{_plain(check.found)}{_plain(fix)}"
            )


def _summary(checks: list[Check]) -> str:
    """Say in a few words how the checks of a file came out."""
    bad = [check.what.lower() for check in checks if check.verdict in ("fail", "warn")]
    if bad:
        return ", ".join(dict.fromkeys(bad))
    if all(check.verdict == "note" for check in checks):
        text = checks[0].found.split(". ")[0].rstrip(".")
        return text[:1].lower() + text[1:]
    return f"{_times(len(checks), 'check')} passed"


def _plain(text: str) -> str:
    """Return a text that Markdown shows as it is."""
    return text.replace("_", r"\_").replace("$", r"\$").replace("~", r"\~")


def _figure(report: Report) -> None:
    st.markdown("**Signal scale**")
    st.caption(
        f"{report.compared} A curve says which share of the bases reaches which value: one above "
        "the others means larger values (counts instead of fold change, say), a flat one a narrow "
        "range (logarithms), one that ends far right few bases with a value."
    )
    st.plotly_chart(
        scales(report.scales),
        key="scales",
        alt="Share of bases that reach a value, for the new cell type and those it is compared "
        "with; the table below has the quantiles.",
    )
    rows = [
        {"track": track, **each.to_dict()}
        for track, found in report.scales.items()
        for each in found
    ]
    with st.expander("The distributions as a table"):
        table(
            pd.DataFrame(rows),
            "One row a track of a cell type; the new one first.",
            "signal-scale",
            _SCALES,
        )
