"""Which element-gene scores tell regulating pairs from others in CRISPRi experiments."""

import streamlit as st

from pages.parts.models_controls import SCORE_GROUPS, score_group
from pages.parts.models_table import Column, table
from seq2exp.analysis.result_tables import best, interval
from seq2exp.analysis.results import Results
from seq2exp.view.model_figures import dots

_COLUMNS = {
    "label": Column("Score", pinned=True, width=330),
    "text": Column("AUPRC [95 % interval]", "0 to 1; higher is better"),
    "n_pairs": Column("Pairs", "element-gene pairs that were tested", "localized"),
    "n_positive": Column("Regulating", "pairs where the element regulates the gene", "localized"),
}


def crispri(results: Results) -> None:
    """Show the areas of all scores, for one set of pairs."""
    pairs = results.crispri
    if pairs is None or pairs.empty:
        st.info(
            "This data set has no CRISPRi table, so element-gene scores were not tested against "
            "perturbations.",
            icon=":material/info:",
        )
        return
    pairs = pairs.assign(kind=pairs["cell"] + ", " + pairs["pairs"])
    kinds = list(dict.fromkeys(pairs["kind"]))
    kind = kinds[0]
    if len(kinds) > 1:
        kind = st.segmented_control(
            "Pairs",
            kinds,
            default=kind,
            required=True,
            key="crispri-pairs",
            help="All pairs of the public table, or those whose gene and element lie in this data "
            "set, which every score can judge.",
        )
    pairs = pairs[pairs["kind"] == kind]
    ids = pairs["model_id"].astype("object").fillna("")
    pairs = pairs.assign(
        label=[f"{s}, {id}" if id else s for s, id in zip(pairs["score"], ids, strict=True)],
        text=[
            interval(*row)
            for row in pairs[["auprc", "low", "high"]].itertuples(index=False, name=None)
        ],
    ).sort_values("auprc", ascending=False)
    chance = float((pairs["n_positive"] / pairs["n_pairs"]).mean())
    st.plotly_chart(
        dots(
            list(pairs["label"]),
            list(pairs["auprc"]),
            list(pairs["low"]),
            list(pairs["high"]),
            "AUPRC of element-gene pairs (0 to 1; higher is better)",
            [score_group(score) for score in pairs["score"]],
            (chance, "chance"),
            SCORE_GROUPS,
        ),
        key="crispri-figure",
        alt="AUPRC of each element-gene score; the table below has all numbers.",
    )
    table(
        pairs,
        "Area under the precision-recall curve for telling CRISPRi-tested element-gene pairs "
        f"({kind}) that regulate from those that do not, with 95 % intervals over genes; a "
        f"random score reaches the share of regulating pairs ({chance:.3f}).",
        "crispri",
        _COLUMNS,
        pairs.drop(columns=["label", "text", "kind"]),
        {"text": best(pairs["auprc"], highest=True)},
    )
