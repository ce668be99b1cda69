"""How sets are compared: the smallest overlap, the promoter, the number of shuffles."""

from dataclasses import dataclass

import streamlit as st

from seq2exp.analysis.compare.counts import Minimum
from seq2exp.analysis.compare.settings import Settings

#: Lowest, highest and usual value of each number, by its name in links.
_LIMITS = {
    "overlap": (1, 100_000, 1),
    "share": (0.0, 1.0, 0.0),
    "shuffles": (2, 10_000, 200),
}


@dataclass(frozen=True)
class Overlap:
    """What an overlap is.

    Attributes
    ----------
    minimum
        The smallest that counts.
    keep_promoter
        Whether the forced-open promoter counts.
    """

    minimum: Minimum
    keep_promoter: bool

    def settings(self, elements: tuple[int, int], **more: object) -> Settings:
        """Return the settings of a comparison of elements of this least length and merge gap."""
        return Settings(*elements, minimum=self.minimum, keep_promoter=self.keep_promoter, **more)


def overlap_controls() -> Overlap:
    """Ask what counts as shared, and whether the promoter does."""
    st.subheader("Overlap", help="What counts as shared.")
    low, high, usual = _LIMITS["overlap"]
    left, right = st.columns(2)
    bp = left.number_input(
        "At least (bp)",
        low,
        high,
        usual,
        key="overlap",
        bind="query-params",
        help="An interval is shared where the other set's intervals together cover at least so "
        "many of its bases.",
    )
    low, high, usual = _LIMITS["share"]
    share = right.number_input(
        "and share of it",
        low,
        high,
        usual,
        0.05,
        format="%g",
        key="share",
        bind="query-params",
        help="The same as a share of the interval's own bases, 0 to 1.",
    )
    promoter = st.toggle(
        "Count the promoter",
        key="promoter",
        bind="query-params",
        help="Every mask holds TSS ± 1 kb open, so that stretch says nothing about what was "
        "learned; it is left out of all sets unless it is counted here.",
    )
    return Overlap(Minimum(int(bp), float(share)), promoter)


def shuffle_controls() -> dict[str, object]:
    """Ask how often intervals are thrown at random, and where to; as `Settings` takes it."""
    left, right = st.columns([2, 1], vertical_alignment="bottom")
    within = left.segmented_control(
        "Thrown within",
        ["window", "chromosome"],
        default="window",
        required=True,
        key="within",
        bind="query-params",
        help="A gene's elements can lie nowhere but in its window, so that is the fair comparison; "
        "on the whole chromosome it also counts that genes lie where peaks are dense.",
    )
    low, high, usual = _LIMITS["shuffles"]
    times = right.number_input(
        "Shuffles",
        low,
        high,
        usual,
        100,
        key="shuffles",
        bind="query-params",
        help="More of them make the interval and the p-value finer, and take longer.",
    )
    return {"within": within, "shuffles": int(times)}
