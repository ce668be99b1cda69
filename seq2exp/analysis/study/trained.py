"""Sections of a study's report on what was trained: from the cards alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from seq2exp.analysis.cards import facts, layers
from seq2exp.analysis.evaluate.tables import markdown
from seq2exp.analysis.result_tables import spread
from seq2exp.analysis.results import title
from seq2exp.analysis.study.contents import Contents
from seq2exp.analysis.study.plan import Run

#: Numbers of a card's validation, as keys and as heads of columns.
_MASK = {
    "auprc_mask": "AUPRC",
    "auprc_untrained_mask": "untrained",
    "auprc_dnase": "DNase",
    "auprc_dnase_h3k27ac_contact": "DNase × H3K27ac × contact",
}


def training(study: Contents) -> str:
    """Return what was trained, how long, and on what."""
    rows = []
    for name, runs in study.there().items():
        cards = [study.cards[run.id] for run in runs]
        said = facts(cards[0])
        steps = [card.get("trained_steps") for card in cards]
        minutes = [card["trained_seconds"] / 60 for card in cards if "trained_seconds" in card]
        rows.append(
            {
                "Setting": name,
                "Group": runs[0].group,
                "System": title(runs[0].model),
                "Seeds": ", ".join(str(run.seed) for run in runs),
                "Network": layers(cards[0]),
                "Trained for": said.get("Training", ""),
                "Steps kept": ", ".join("" if step is None else f"{step:,}" for step in steps),
                "Minutes": spread(_mean(minutes), _sd(minutes), 1),
                "Why": runs[0].reason,
            }
        )
    if not rows:
        return ""
    cards = list(study.cards.values())
    lines = [
        ("Data", sorted({_data(card) for card in cards})),
        ("Machine", sorted({_machine(card) for card in cards})),
        ("Made with", sorted({facts(card).get("Made with", "") for card in cards})),
    ]
    text = "".join(f"- {what}: {'; '.join(found)}.\n" for what, found in lines)
    text += (
        "\nThe weights that are kept are those of the best validation MSE, at the steps named for "
        "each seed. Minutes: mean ± sd over seeds of the time until the end of training, "
        "validations included.\n\n" + markdown(rows)
    )
    wrong = {run.id: run.differences(study.cards[run.id]) for run in study.runs()}
    other = [f"- {name}: {', '.join(found)}.\n" for name, found in wrong.items() if found]
    if other:
        text += "\nNot as the plan says it now:\n\n" + "".join(other)
    return text


def _data(card: Mapping[str, Any]) -> str:
    dataset = card.get("dataset") or {}
    examples = (card.get("training") or {}).get("examples")
    counted = "" if examples is None else f", {examples:,} training examples (gene × cell type)"
    return f"{dataset.get('name')}, digest `{str(dataset.get('digest'))[:16]}`{counted}"


def _machine(card: Mapping[str, Any]) -> str:
    machine = card.get("machine")
    if not isinstance(machine, Mapping):
        return "not recorded"
    parts = [str(machine.get("processor", "")), f"{machine.get('cores')} cores"]
    if machine.get("gpu"):
        parts.append(str(machine["gpu"]))
    return ", ".join(filter(None, parts))


def ablations(study: Contents) -> str:
    """Return what each switch does, on validation, as the cards say."""
    groups = study.there("ablation")
    bases = dict.fromkeys(runs[0].base for runs in groups.values())
    settings = study.there()
    text = ""
    for base in bases:
        if base is None:
            continue
        mine = {name: runs for name, runs in groups.items() if runs[0].base == base}
        both = {base: settings[base], **mine} if base in settings else mine
        every = [_ablation(study, name, runs, name == base) for name, runs in both.items()]
        said = [name for name in every[0] if any(row[name] for row in every)]
        rows = [{name: row[name] for name in said} for row in every]
        text += f"### From {base}\n\n{markdown(rows)}\n"
    if not text:
        return ""
    return (
        "Validation metrics of the cards (mean ± sd over seeds); the untrained mask's AUPRC is "
        "that of the split on which the card has it. Small differences of single runs mean "
        "nothing.\n\n" + text
    )


def _ablation(study: Contents, name: str, runs: Sequence[Run], base: bool) -> dict[str, str]:
    cards = [study.cards[run.id] for run in runs]
    validations = [(card.get("metrics") or {}).get("validation") or {} for card in cards]
    finals = [(card.get("metrics") or {}).get("test") or {} for card in cards]

    def said(key: str, digits: int = 3) -> str:
        found = [
            value
            for first, second in zip(validations, finals, strict=True)
            if (value := _number_of(first, second, key)) is not None
        ]
        return spread(_mean(found), _sd(found), digits)

    changes = study.plan.changes(runs[0])
    switches = ", ".join(f"{key} {own} (was {usual})" for key, (usual, own) in changes.items())
    return {
        "Setting": name,
        "Switch": "(the base)" if base else switches,
        "Seeds": str(len(runs)),
        "MSE": said("mse", 4),
        "Pearson r": said("pearson", 4),
        "Mask ratio": said("mask_ratio"),
        **{head: said(key) for key, head in _MASK.items()},
        "Element AUC": said("element_auc"),
        "Why": runs[0].reason,
    }


def _number_of(first: Mapping[str, Any], second: Mapping[str, Any], key: str) -> float | None:
    """Return a number of a card's split, or of the other one where the first has none."""
    for metrics in (first, second):
        for place in (metrics, metrics.get("mask") or {}):
            if place.get(key) is not None:
                return float(place[key])
    return None


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def _sd(values: Sequence[float]) -> float:
    return float(pd.Series(values, dtype=float).std(ddof=1))
