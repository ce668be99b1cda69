"""What a model is, how it was made and what moved its mask, in sentences for who does not train."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from seq2exp.analysis.results import title
from seq2exp.model.checkpoint import model_name

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_READS = "the DNA and three signals (H3K27ac, DNase, Hi-C contact with the TSS)"
_EXPRESSION = "predicts how strongly the gene is expressed"
#: By system, what it does; the window stands in a sentence of its own.
_DOES: dict[str, str] = {
    "seq2exp-soft": f"A network that reads {_READS}, gives every base a mask from 0 (ignored) to "
    f"1 (used), and {_EXPRESSION} from the bases weighted by the mask.",
    "seq2exp-hard": f"A network that reads {_READS}, keeps or drops every base, and {_EXPRESSION} "
    "from those that it keeps.",
    "seq2exp-retrain": "The tenth of the bases that a trained Seq2Exp-soft masks highest, and a "
    f"new network that {_EXPRESSION} from these alone.",
    "seq2exp-coupled": "This project's variant of Seq2Exp-soft, in which errors of the prediction "
    f"can move the mask: it reads {_READS}, gives every base a mask from 0 (ignored) to 1 (used), "
    f"and {_EXPRESSION} from the bases weighted by the mask.",
    "macs3": f"A control that learns no mask: it {_EXPRESSION} from the bases under MACS3's DNase "
    "peaks.",
    "enformer": f"A network of convolutions and attention that {_EXPRESSION} from the DNA alone; "
    "it has no mask.",
    "hyenadna": f"A network of long convolutions that {_EXPRESSION} from the DNA alone; it has no "
    "mask.",
    "mamba": f"A network that reads the DNA from left to right and {_EXPRESSION}; it sees no "
    "signals and has no mask.",
    "caduceus": f"A network that reads the DNA in both directions and {_EXPRESSION}; it sees no "
    "signals and has no mask.",
    "caduceus-signals": f"A network that reads {_READS} in both directions and {_EXPRESSION}; it "
    "has no mask, so it shows what a prediction is worth without choosing bases.",
    "epinformer": f"A network that {_EXPRESSION} from the promoter and its nearest candidate "
    "enhancers, which are given to it; it learns no mask.",
    "caduceus-signals-2kb": f"A control that reads {_READS} of the promoter only: what it reaches "
    "needs no distal element.",
}


def what_it_is(card: Mapping[str, Any]) -> str:
    """Say what a model does and how much of the genome it sees."""
    name = model_name(card)
    text = _DOES.get(name, f"A network of the kind {title(name)}.")
    window = (card.get("config") or {}).get("window")
    return f"{text} It sees {int(window):,} bp around a gene's TSS." if window else text


def how_made(card: Mapping[str, Any]) -> str:
    """Say on what a model was trained, for how long and with which seed; "" where nothing is known.

    What the card does not say is left out.
    """
    dataset, training = card.get("dataset") or {}, card.get("training") or {}
    said = dataset.get("simulated")
    kind = "" if said is None else "simulated " if said else "measured "
    parts = []
    if training.get("examples"):
        parts.append(f"on {training['examples']:,} examples (gene × cell type)")
    if dataset.get("name"):
        parts.append(f"{'of' if parts else 'on'} the {kind}data set “{dataset['name']}”")
    if card.get("cells"):
        parts.append(f"({', '.join(card['cells'])})")
    if card.get("trained_seconds") is not None:
        parts.append(f"for {duration(float(card['trained_seconds']))}")
    if card.get("trained_steps") is not None:
        parts.append(f"in {card['trained_steps']:,} steps")
    if card.get("seed") is not None:
        parts.append(f"with seed {card['seed']}: one run, so small differences mean nothing")
    return f"Trained {' '.join(parts)}." if parts else ""


def foreign_data(card: Mapping[str, Any], simulated: bool) -> str:
    """Say what a model is worth on the data on show; "" where it was trained on such data.

    Parameters
    ----------
    card
        The model's card.
    simulated
        Whether the data on show are.
    """
    if simulated or not (card.get("dataset") or {}).get("simulated"):
        return ""
    return (
        "This model was trained on simulated data; on measured data its mask and expression only "
        "show that the pipeline runs, they say nothing about biology."
    )


def duration(seconds: float) -> str:
    """Write a time for reading, e.g. "14 min" or "2.5 h"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"


def what_moved_the_mask(log: pd.DataFrame) -> str:
    """Compare the two gradients at the mask logits, first and last; "" where the log has none.

    Parameters
    ----------
    log
        See `seq2exp.analysis.cards.read_log`.
    """
    names = ["grad_prediction", "grad_sparsity"]
    if any(name not in log for name in names):
        return ""
    known = log[names].dropna()
    known = known[known["grad_sparsity"] > 0]
    if known.empty:
        return ""
    ratios = known["grad_prediction"] / known["grad_sparsity"]
    usual = float(ratios.median())
    verdict = (
        "the sparsity term shaped the mask, the prediction hardly did"
        if usual < 0.1
        else "both shaped the mask, the sparsity term more"
        if usual < 1
        else "the prediction shaped the mask more than the sparsity term"
    )
    return (
        "What moved the mask: the prediction's gradient at the mask logits was "
        f"{_times(float(ratios.iloc[0]))} times that of the sparsity term at the start and "
        f"{_times(float(ratios.iloc[-1]))} times at the end; {verdict}."
    )


def _times(ratio: float) -> str:
    if ratio >= 0.001 or ratio == 0:
        return f"{ratio:.2g}"
    mantissa, _, exponent = f"{ratio:.1e}".partition("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_RAISED)}"
