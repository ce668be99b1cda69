"""What shared, learned-only and peak-only intervals are like, and where they lie among genes."""

from collections.abc import Mapping

import streamlit as st

from pages.parts.compare_table import table
from pages.parts.models_table import Column
from seq2exp.analysis.compare.pooled import Comparison
from seq2exp.view.compare_figures import class_boxes, composition_bars, genomic_bars

_CLASSES = {
    "set": Column("Set"),
    "class": Column("Class"),
    "n": Column("n", "intervals", "localized"),
    "quantity": Column("Quantity"),
    "unit": Column("Unit"),
    "median": Column("Median", "", "%.4g"),
    "q25": Column("25 %", "quantile", "%.4g"),
    "q75": Column("75 %", "quantile", "%.4g"),
    "q05": Column("5 %", "quantile", "%.4g"),
    "q95": Column("95 %", "quantile", "%.4g"),
    "mean": Column("Mean", "", "%.4g"),
}
_GENOMIC = {
    "set": Column("Set"),
    "class": Column("Class"),
    "genomic": Column("Genomic class"),
    "intervals": Column("Intervals", "by the first class that they touch", "localized"),
    "of": Column("of", "intervals of the group", "localized"),
    "share": Column("Share", "intervals / of", "percent"),
}
_COMPOSITION = {
    "part": Column("Part"),
    "genomic": Column("Genomic class"),
    "bp": Column("bp", "counted bases of the part in the class", "localized"),
    "of": Column("of", "bp of the part", "localized"),
    "share": Column("Share", "bp / of", "percent"),
}


def classes(found: Comparison, about: Mapping[str, str]) -> None:
    """Show the distributions of every class, and its genomic classes."""
    st.markdown(
        "**Are learned-only elements real?** If they are far from open chromatin, narrow and weak "
        "in H3K27ac, they are more likely noise of the mask; if they look like the shared ones, "
        "peak calling may have been too strict."
    )
    st.plotly_chart(
        class_boxes(found.classes),
        key="class-boxes",
        alt="Distance to the TSS, width, mask, DNase, H3K27ac and contact of every class; the "
        "table below has the quantiles.",
    )
    with st.expander("The distributions as a table"):
        table(
            "classes",
            found.classes,
            "Boxes are quartiles, whiskers 5 % to 95 %, over the n intervals of a class. Signals, "
            "mask and contact are means over an interval's counted bases; distances are from the "
            "TSS to its middle, either side.",
            _CLASSES,
            about,
        )
    left, right = st.columns(2)
    with left:
        st.markdown("**Intervals by genomic class**")
        st.plotly_chart(
            genomic_bars(found.genomic),
            key="genomic-bars",
            alt="Share of promoter, exon, intron and intergenic intervals in every class; the "
            "table below has the numbers.",
        )
    with right:
        st.markdown("**Bases by genomic class**")
        st.plotly_chart(
            composition_bars(found.composition),
            key="composition-bars",
            alt="Share of promoter, exon, intron and intergenic bases in every part of the "
            "windows; the table below has the numbers.",
        )
    st.caption(
        "Promoter: TSS ± 1 kb of any transcript; exon: of any transcript, but no promoter; intron: "
        "within a transcript, but neither. An interval is of the first of these that it touches by "
        "1 bp; “neither” are the counted bases outside elements and peaks, for comparison."
    )
    with st.expander("The genomic classes as tables"):
        table("genomic", found.genomic, "Intervals of every class.", _GENOMIC, about)
        table("composition", found.composition, "Counted bp.", _COMPOSITION, about)
