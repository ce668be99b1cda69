"""One model: its numbers, what must not be read into it, its learning curves and its card."""

import pandas as pd
import streamlit as st

from pages.parts.models_table import Column, table
from pages.parts.numbers import number
from seq2exp.analysis.cards import (
    facts,
    final_split,
    fit_rows,
    log_path,
    mask_rows,
    read_log,
    stored,
    warnings,
)
from seq2exp.analysis.plain import how_made, what_it_is, what_moved_the_mask
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.view.model_figures import learning_curves

_FIT = {
    "split": Column("Split"),
    "predictor": Column("Predictor"),
    "n": Column("Examples", "gene × cell type", "localized"),
    "mse": Column("MSE", "log10(CAGE + 1) squared", "%.3f"),
    "mae": Column("MAE", "log10(CAGE + 1)", "%.3f"),
    "pearson": Column("Pearson r", "-1 to 1; none for a constant", "%.3f"),
    "mask_ratio": Column("Mask ratio", "mean mask value over the window's bases", "percent"),
}
_MASK = {
    "split": Column("Split"),
    "score": Column("Score"),
    "auprc": Column("AUPRC", "0 to 1", "%.3f"),
    "chance": Column("Chance", "share of causal bases outside promoters", "%.4f"),
}


_LOG = {
    "step": "of training, counted through all phases",
    "lr": "learning rate",
    "loss": "of a window, mean since the row before",
    "prediction": "part of the loss that the prediction makes",
    "sparsity": "part of the loss that the mask's sparsity makes, with its weight",
    "mask_ratio": "mean mask over the window's bases",
    "val_mse": "validation MSE, log10(CAGE + 1) squared",
    "val_mae": "validation MAE, log10(CAGE + 1)",
    "val_pearson": "validation Pearson r",
    "grad_prediction": "norm of the prediction's gradient at the mask logits",
    "grad_sparsity": "norm of the sparsity term's gradient at the mask logits",
    "seconds": "of training",
    "phase": "of training, from 0",
}


def headline(entry: ModelEntry) -> None:
    """Say what the model is, what must not be read into it, and show the numbers that matter."""
    st.markdown(f"{what_it_is(entry.card)}  \n{how_made(entry.card)}")
    said = warnings(entry.card)
    if said:
        st.warning("  \n".join(said), icon=":material/warning:")
    split = final_split(entry.card)
    rows = fit_rows(entry.card)
    own = rows[(rows["split"] == split) & (rows["predictor"] == "This model")]
    if own.empty:
        return
    fit = own.iloc[0]
    over = f"{split} chromosomes"
    if not pd.isna(fit["n"]):
        over += f", n = {int(fit['n']):,}"
    numbers = [
        ("Pearson r", fit["pearson"], "{:.3f}", over, "Of predicted and measured expression."),
        ("MSE", fit["mse"], "{:.3f}", "log10(CAGE + 1) squared", "Mean squared error; 0 is best."),
    ]
    if not pd.isna(fit["mask_ratio"]):
        meaning = "How much of the window the mask lets through: the mean mask over its bases."
        ratio = fit["mask_ratio"] * 100
        numbers.append(("Mask ratio", ratio, "{:.2f} %", "of the window", meaning))
    mask = mask_rows(entry.card)
    own_mask = mask[(mask["split"] == split) & (mask["score"] == "This model's mask")]
    if not own_mask.empty:
        chance = own_mask["chance"].iloc[0]
        note = "per base" if pd.isna(chance) else f"chance {chance:.3f}"
        meaning = "How well the mask finds the planted causal bases outside promoters, 0 to 1."
        numbers.append(("Mask AUPRC", own_mask["auprc"].iloc[0], "{:.3f}", note, meaning))
    row = st.container(horizontal=True)
    for name, value, form, unit, meaning in numbers:
        number(row, name, "none" if pd.isna(value) else form.format(value), unit, meaning)


def curves(entry: ModelEntry) -> None:
    """Show how the model learnt, where its log was kept."""
    path = log_path(entry)
    try:
        log = read_log(path)
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        return
    if log is None:
        st.info(
            f"No training log was kept for this model. `seq2exp train` writes one; put it beside "
            f"the card as `{path.name}`.",
            icon=":material/info:",
        )
        return
    moved = what_moved_the_mask(log)
    if moved:
        st.markdown(moved)
    st.caption(
        "Losses and mask ratio are means over the training steps since the point before; "
        "validation is on chromosomes that training never saw, with windows as long as those "
        "trained on. A dotted line marks a new phase of training."
    )
    validation = (entry.card.get("metrics") or {}).get("validation") or {}
    mean = (validation.get("mean_predictor") or {}).get("mse")
    figure = learning_curves(log, {} if mean is None else {"val_mse": float(mean)})
    st.plotly_chart(
        figure,
        key=f"curves-{entry.id}",
        alt=f"Learning curves of {entry.id} over {int(log['step'].max()):,} training steps; the "
        "table below has all points.",
    )
    with st.expander("The log as a table"):
        table(
            log,
            "One row a point of the curves; steps count through all phases.",
            f"{entry.id}-log",
            {name: Column(name, _LOG.get(name, ""), "%.4g") for name in log},
        )


def card(entry: ModelEntry) -> None:
    """Show the model's card."""
    if entry.card.get("summary"):
        st.subheader("What it learnt, and what not", anchor=False)
        st.write(entry.card["summary"])
    st.subheader("What it is", anchor=False)
    size = stored(entry.path)
    listed = {
        **facts(entry.card),
        "File": f"{entry.path.name}: {size.parameters:,} numbers, {size.bytes / 1e6:.2f} MB",
    }
    # The first pair is the head, which a Markdown table cannot do without.
    lines = [f"| **{name}** | {_cell(text)} |" for name, text in listed.items()]
    st.markdown("\n".join([lines[0], "|---|---|", *lines[1:]]))
    fits = fit_rows(entry.card)
    if not fits.empty:
        st.subheader("How well it predicts", anchor=False)
        table(
            fits,
            "Error and correlation of expression on whole windows of held-out chromosomes, beside "
            "what a useful model has to beat.",
            f"{entry.id}-fit",
            _FIT,
        )
    masks = mask_rows(entry.card)
    if not masks.empty:
        st.subheader("How well its mask finds regulatory bases", anchor=False)
        table(
            masks,
            "Area under the precision-recall curve of each score as a map of the planted causal "
            "bases outside promoters; a random score reaches the share in the last column.",
            f"{entry.id}-mask",
            _MASK,
        )
    if entry.card.get("command"):
        st.subheader("The command that made it", anchor=False)
        st.code(entry.card["command"], language="bash", wrap_lines=True)
    with st.expander("The card as JSON"):
        st.json(entry.card)


def _cell(text: str) -> str:
    """Return a text that cannot break a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")
