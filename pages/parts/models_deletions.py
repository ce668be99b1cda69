"""How in-silico deletions rank planted causal elements among decoys."""

import streamlit as st

from pages.parts.models_controls import nothing
from pages.parts.models_table import Column, table
from seq2exp.analysis.result_tables import best, interval, part_title
from seq2exp.analysis.results import Results, title
from seq2exp.view.model_figures import dots

_COLUMNS = {
    "label": Column("Model, and what ranks", pinned=True, width=430),
    "against": Column("Decoys", "what the causal elements are ranked against"),
    "text": Column("AUROC [95 % interval]", "0 to 1; 0.5 is chance"),
    "n_causal": Column("Causal", "causal elements that were deleted", "localized"),
    "n_decoys": Column("Decoys deleted", "of this kind", "localized"),
    "n_examples": Column("Examples", "gene × cell type", "localized"),
    "n_genes": Column("Genes", "resampled for the intervals", "localized"),
}


def deletions(results: Results) -> None:
    """Show the areas of all models, for one kind of decoys in the figure and all in the table."""
    frame = results.deletions
    if frame is None or frame.empty:
        nothing("deletions of planted elements; add `--deletions 48`, which takes some minutes")
        return
    against = [part_title(kind) for kind in frame["decoys"]]
    frame = frame.assign(
        against=against,
        label=[
            f"{title(model)} ({id}, {rule} mask), {score.removeprefix('in-silico deletion, ')}"
            if "|" in score
            else f"{title(model)} ({id}, {rule} mask), loss"
            for model, id, rule, score in zip(
                *(frame[name] for name in ("model", "model_id", "rule", "score")), strict=True
            )
        ],
        text=[
            interval(*row)
            for row in frame[["auc", "low", "high"]].itertuples(index=False, name=None)
        ],
    )
    kinds = list(dict.fromkeys(against))
    kind = st.segmented_control(
        "Decoys in the figure",
        kinds,
        default=kinds[0],
        required=True,
        key="deletion-decoys",
        help="Open decoys are all kinds but the silenced enhancers, which no signal shows.",
    )
    shown = frame[frame["against"] == kind]
    st.plotly_chart(
        dots(
            list(shown["label"]),
            list(shown["auc"]),
            list(shown["low"]),
            list(shown["high"]),
            f"AUROC, decoys: {kind} (0 to 1; higher is better)",
            None,
            (0.5, "chance"),
        ),
        key="deletions-figure",
        alt="AUROC of each model's deletions; the table below has all numbers.",
    )
    table(
        frame,
        "How often the deletion of a planted causal element (its mask closed, the promoter left as "
        "it is) costs more predicted expression than that of a decoy, ties counting half, with 95 "
        "% intervals over genes. “Loss” ranks by the expression lost, |Δ| by the change whichever "
        "way it goes.",
        "deletions",
        _COLUMNS,
        frame.drop(columns=["label", "text", "against"]),
        {"text": best(frame["auc"], highest=True)},
    )
