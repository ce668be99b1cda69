"""What the comparison found: the numbers that answer it, then one tab for each question after."""

import streamlit as st

from pages.parts.compare_chance import chance
from pages.parts.compare_classes import classes
from pages.parts.compare_combinations import combinations
from pages.parts.compare_rows import gene_rows, interval_rows
from pages.parts.compare_sweeps import sweeps
from pages.parts.compare_table import all_files
from pages.parts.compare_work import Question
from pages.parts.numbers import number
from seq2exp import __version__
from seq2exp.analysis.compare.counts import Counts
from seq2exp.analysis.compare.pooled import Comparison
from seq2exp.analysis.evaluate.metrics import Estimate
from seq2exp.view.compare_figures import shared_bars

_TAB = "compare-tab"


def results(question: Question, found: Comparison) -> None:
    """Show a comparison."""
    about = about_lines(question, found)
    answer(found)
    if question.dataset.simulated:
        st.markdown(":orange-badge[simulated] Nothing on this page was measured.")
    shows = {
        "Elements and peaks": lambda: interval_rows(question, found, about),
        "Genes": lambda: gene_rows(question, found, about),
        "What they are like": lambda: classes(found, about),
        "More than chance?": lambda: chance(question, about),
        "Other thresholds": lambda: sweeps(question, about),
        "Further sets": lambda: combinations(found, about),
        "Take away": lambda: take_away(found, about),
    }
    # What stands on a tab is computed when it is opened.
    tabs = st.tabs(list(shows), key=_TAB, on_change="rerun", bind="query-params")
    for tab, show in zip(tabs, shows.values(), strict=True):
        if tab.open:
            with tab:
                show()


def answer(found: Comparison) -> None:
    """Show the totals: counts both ways, agreement in bp, and how much each covers."""
    counts = found.counts
    several = len(found.found) > 1
    of = f"{len(found.found):,} genes" if several else found.found[0].gene.name
    st.subheader(f"Learned elements and peaks of {of}", anchor="answer")
    row = st.container(horizontal=True)
    for name, value, unit, meaning in _intervals(counts):
        number(row, name, value, unit, meaning)
    row = st.container(horizontal=True)
    for name, value, unit, meaning in _bases(counts, found.intervals):
        number(row, name, value, unit, meaning)
    # A row of their own: on a narrow screen one of five would stand below the others, alone.
    row = st.container(horizontal=True)
    mask, peaks = (found.genes[name].mean() for name in ("mask_ratio", "peaks_ratio_window"))
    over = "of the window, mean of genes" if several else "of the window"
    about = "Promoter and padding included, as the Browser shows it."
    number(row, "Mask ratio", f"{100 * mask:.2f} %", over, f"Σ mask / bp of the window. {about}")
    number(row, "Peak ratio", f"{100 * peaks:.2f} %", over, f"Bp of the window in peaks. {about}")
    minimum = found.comparer.settings.minimum
    text = found.counted()
    st.caption(
        f"An interval is shared where the other set covers {minimum}; "
        f"{text}. Ratios are of whole windows, promoter and padding included."
    )
    st.plotly_chart(
        shared_bars(counts),
        key="shared-bars",
        alt="Shares of learned elements, of peaks and of their bases that are shared or in one "
        "set only; the numbers above and the sentences below say the same.",
    )
    with st.expander("In words"):
        sentences = [f"{text[0].upper()}{text[1:]}." for text in found.sentences()]
        st.markdown("\n".join(f"- {sentence}" for sentence in sentences))
    if found.left_out:
        with st.expander(f"{len(found.left_out):,} genes were left out", icon=":material/info:"):
            st.markdown("\n".join(f"- **{gene.name}**: {why}" for gene, why in found.left_out))


def _intervals(counts: Counts) -> list[tuple[str, str, str, str]]:
    learned, peaks = f"of {counts.a:,} elements", f"of {counts.b:,} peaks"
    return [
        (
            "Shared elements",
            f"{counts.a_shared:,}",
            learned,
            "Learned elements that peaks cover enough of.",
        ),
        (
            "Learned-only",
            f"{counts.a_only:,}",
            learned,
            "Learned elements that peak calling missed.",
        ),
        ("Shared peaks", f"{counts.b_shared:,}", peaks, "Peaks that elements cover enough of."),
        ("Peak-only", f"{counts.b_only:,}", peaks, "Peaks that the model ignores."),
    ]


def _bases(counts: Counts, intervals: dict[str, Estimate]) -> list[tuple[str, str, str, str]]:
    shared = f"{counts.bp_shared:,} bp in both"
    of = {
        "jaccard": ("Jaccard", f"of {counts.bp_union:,} bp in either", f"{shared}, of either."),
        "precision": (
            "Precision",
            f"of {counts.bp_a:,} bp learned",
            f"{shared}: the share of the learned elements' bp that lie in peaks.",
        ),
        "recall": (
            "Recall",
            f"of {counts.bp_b:,} bp in peaks",
            f"{shared}: the share of the peaks' bp that lie in learned elements.",
        ),
    }
    found = []
    for name, (title, unit, meaning) in of.items():
        one = intervals[name]
        value = "none" if one.value is None else f"{one.value:.3f}"
        if one.value is not None and one.low is not None:
            meaning += f" 95 % interval over genes: {one.low:.3f} to {one.high:.3f}."
        found.append((title, value, unit, meaning))
    return found


def about_lines(question: Question, found: Comparison) -> dict[str, str]:
    """Return what tables that are taken away say of themselves."""
    settings, rule = found.comparer.settings, found.comparer.rule
    parameter = "fraction" if rule.mode == "top" else "threshold"
    prior = question.prior
    sets = ", ".join(one.name for one in question.others) or "none"
    lines = {
        "dataset": f"{question.dataset.name}, {question.dataset.assembly}",
        "dataset digest": question.dataset.digest,
        "cell": question.cell,
        "model": question.entry.id,
        "mask": f"{rule.mode}, {parameter} {getattr(rule, parameter):g}",
        "prior": f"mean {prior.mean:.4g}, strength {prior.strength:.4g}",
        "elements": f"at least {settings.min_length} bp, gaps up to {settings.merge_gap} bp merged",
        "peaks": question.caller.describe(question.parameters),
        "smallest overlap": str(settings.minimum),
        "counted": found.counted(),
        "further sets": sets,
        "program": f"seq2exp {__version__}",
    }
    return {"simulated": "yes", **lines} if question.dataset.simulated else lines


def take_away(found: Comparison, about: dict[str, str]) -> None:
    """Offer all tables at once, and say what they are of."""
    st.markdown(
        "Every table of this page as one file, each column with its unit; those of shuffles and "
        "other thresholds have buttons on their own tabs."
    )
    all_files(found.tables(), about)
    st.markdown("\n".join(f"- **{name}**: {text}" for name, text in about.items()))
