"""What a model's card and its training log say, laid out for reading."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import SafetensorError, safe_open

from seq2exp.analysis.plain import duration
from seq2exp.analysis.results import title
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import ModelEntry, model_name
from seq2exp.model.registry import NAMES
from seq2exp.training.report import SAME_AREA, SAME_ERROR

UNIT = "log10(CAGE + 1)"
#: The reference predictors of a card's metrics, and what to call them.
REFERENCES: dict[str, str] = {
    "mean_predictor": "Training mean",
    "linear_nine_features": "Linear fit on the nine features",
    "promoter_only": "This model, all but the promoter masked",
}
#: Scores of a card that are compared as maps of the planted causal bases.
MASK_SCORES: dict[str, str] = {
    "auprc_mask": "This model's mask",
    "auprc_untrained_mask": "The same network before training",
    "auprc_dnase": "DNase alone",
    "auprc_dnase_h3k27ac_contact": "DNase × H3K27ac × contact",
}
#: Means of the steps since the row before, then what validation found.
LOG_COLUMNS = ("step", "loss", "prediction", "mask_ratio", "val_mse", "val_pearson")


def has_mask(card: Mapping[str, Any]) -> bool:
    """Whether the model learns a mask, which is what the Browser shows."""
    name = model_name(card)
    return name in NAMES and NAMES[name].kind == "mask"


def final_split(card: Mapping[str, Any]) -> str | None:
    """Return the split that claims are read from: test where there is one, else validation."""
    metrics = card.get("metrics") or {}
    return next((split for split in ("test", "validation") if split in metrics), None)


def training_mean(card: Mapping[str, Any]) -> float | None:
    """Return the mean label of the training examples; None where the card does not say."""
    value = card.get("label_mean")
    return None if value is None else float(value)


@dataclass(frozen=True)
class Stored:
    """Size of a model's file: numbers stored, shared ones counted as often, and bytes."""

    parameters: int
    bytes: int


def stored(path: Path) -> Stored:
    """Read the size of a safetensors file from its header.

    Raises
    ------
    InputError
        Where it is not safetensors.
    """
    try:
        with safe_open(path, "numpy") as file:
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a readable safetensors file ({error}).") from error
    return Stored(sum(math.prod(shape) for shape in shapes), path.stat().st_size)


def _metric(card: Mapping[str, Any], *keys: str) -> float:
    found: Any = card.get("metrics") or {}
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return float("nan") if found is None else float(found)


def models_frame(entries: Iterable[ModelEntry]) -> pd.DataFrame:
    """Lay out the models that are there.

    Returns
    -------
    pandas.DataFrame
        id, system, title, parameters (stored), layers (text), trained_on, data ("simulated" or
        "measured"), steps, seed, split, n (examples), mse, pearson, mask_ratio, auprc, auprc_dnase;
        NaN for what a card does not say. One row a model, in the order given.
    """
    rows = []
    for entry in entries:
        card = entry.card
        split = final_split(card) or ""
        dataset = card.get("dataset") or {}
        said = dataset.get("simulated")
        rows.append(
            {
                "id": entry.id,
                "system": title(model_name(card)),
                "title": entry.title,
                "parameters": stored(entry.path).parameters,
                "layers": layers(card),
                "trained_on": dataset.get("name", ""),
                "data": "unknown" if said is None else "simulated" if said else "measured",
                "steps": card.get("trained_steps"),
                "seed": card.get("seed"),
                "split": split,
                "n": _metric(card, split, "examples"),
                "mse": _metric(card, split, "mse"),
                "pearson": _metric(card, split, "pearson"),
                "mask_ratio": _metric(card, split, "mask_ratio"),
                "auprc": _metric(card, split, "mask", "auprc_mask"),
                "auprc_dnase": _metric(card, split, "mask", "auprc_dnase"),
            }
        )
    return pd.DataFrame(rows)


def layers(card: Mapping[str, Any]) -> str:
    """Say how large a network is, e.g. "width 32, 2 + 2 layers"."""
    config = card.get("config") or {}
    if "generator_layers" in config:
        depth = f"{config['generator_layers']} + {config['predictor_layers']}"
        if config.get("share_backbone"):
            depth = f"{config['generator_layers']} shared"
        return f"width {config['width']}, {depth} layers"
    return f"width {config['width']}" if "width" in config else ""


def fit_rows(card: Mapping[str, Any]) -> pd.DataFrame:
    """Return a card's fits: the model, then what it has to beat.

    Returns
    -------
    pandas.DataFrame
        split, predictor, n (examples), mse, mae, pearson, mask_ratio.
    """
    rows = []
    for split, found in (card.get("metrics") or {}).items():
        if not isinstance(found, Mapping) or "mse" not in found:
            continue
        for key, name in {"": "This model", **REFERENCES}.items():
            fit = found if key == "" else found.get(key)
            if not isinstance(fit, Mapping):
                continue
            row = {name: fit.get(name) for name in ("mse", "mae", "pearson")}
            ratio = found.get("mask_ratio") if key == "" else None
            rows.append(
                {"split": split, "predictor": name, "n": found.get("examples"), **row}
                | {"mask_ratio": ratio}
            )
    columns = ["split", "predictor", "n", "mse", "mae", "pearson", "mask_ratio"]
    return pd.DataFrame(rows, columns=columns).astype(
        {name: "float64" for name in ("mse", "mae", "pearson", "mask_ratio")}
    )


def mask_rows(card: Mapping[str, Any]) -> pd.DataFrame:
    """Return how well the mask and other scores find planted causal bases.

    Returns
    -------
    pandas.DataFrame
        split, score, auprc (0 to 1), chance (share of causal bases, what a random score reaches).
    """
    rows = [
        {
            "split": split,
            "score": name,
            "auprc": found["mask"][key],
            "chance": found["mask"].get("causal_share"),
        }
        for split, found in (card.get("metrics") or {}).items()
        if isinstance(found, Mapping) and isinstance(found.get("mask"), Mapping)
        for key, name in MASK_SCORES.items()
        if found["mask"].get(key) is not None
    ]
    return pd.DataFrame(rows, columns=["split", "score", "auprc", "chance"])


def warnings(card: Mapping[str, Any]) -> list[str]:
    """Say what a user must not read into the model, from its card's numbers.

    Differences of less than `SAME_ERROR` and `SAME_AREA` count as none, as in the card's summary.
    """
    said = [str(text) for text in card.get("warnings") or []]
    if (card.get("dataset") or {}).get("simulated"):
        said.insert(
            0,
            "It knows simulated data only: its numbers say nothing about cells, and on measured "
            "data its mask and its expression mean nothing.",
        )
    split = final_split(card)
    if split is None:
        said.append("Its card has no metrics: nothing is known of how well it predicts.")
        return said
    n = _metric(card, split, "examples")
    over = f"{split}, n = {int(n):,} gene × cell" if not math.isnan(n) else split
    mse = _metric(card, split, "mse")
    for key, name in (
        ("mean_predictor", "the training mean"),
        ("linear_nine_features", "a linear fit on the nine features"),
    ):
        base = _metric(card, split, key, "mse")
        if mse > base * (1 - SAME_ERROR):
            said.append(
                f"It predicts no better than {name}: MSE {mse:.3f} against {base:.3f} ({over})."
            )
    mask = _metric(card, split, "mask", "auprc_mask")
    untrained = _metric(card, split, "mask", "auprc_untrained_mask")
    dnase = _metric(card, split, "mask", "auprc_dnase")
    if mask <= untrained + SAME_AREA:
        said.append(
            f"Its mask learnt nothing: as a map of the planted causal bases it reaches AUPRC "
            f"{mask:.3f}, the same network before training {untrained:.3f} ({split}). Do not read "
            "its elements as discoveries."
        )
    if mask < dnase - SAME_AREA:
        said.append(
            f"DNase alone finds the planted causal bases better than its mask does: AUPRC "
            f"{dnase:.3f} against {mask:.3f} ({split})."
        )
    return said


def facts(card: Mapping[str, Any]) -> dict[str, str]:
    """Return what the card says of network, data and training, as name and text."""
    config = card.get("config") or {}
    dataset = card.get("dataset") or {}
    training = card.get("training") or {}
    found: dict[str, str] = {"System": title(model_name(card)), "Network": layers(card)}
    if "prior_mean" in config:
        mask = [config.get("variant", ""), f"prior mean {config['prior_mean']:g}"]
        if "prior_strength" in config:
            # A card has alpha; everywhere on screen the strength is alpha + beta.
            strength = config["prior_strength"] / config["prior_mean"]
            mask.append(f"strength {strength:.3g} pseudo-observations per base")
        if config.get("sparsity", "kl") == "ratio":
            mask.append("sparsity as a share of open bases")
        elif "kl_weight" in config:
            mask.append(f"weight of the KL term {config['kl_weight']:g}")
        found["Mask"] = ", ".join(mask)
    if "window" in config:
        window = int(config["window"])
        trained = card.get("window")
        note = f" (trained on up to {int(trained):,} bp)" if trained else ""
        found["Window"] = f"{window:,} bp around the TSS{note}"
    if dataset:
        said = dataset.get("simulated")
        kind = "" if said is None else ", simulated" if said else ", measured"
        found["Data"] = f"{dataset.get('name', '')}{kind}; digest {str(dataset.get('digest'))[:12]}"
    if card.get("cells"):
        found["Cell types"] = ", ".join(card["cells"])
    if card.get("label"):
        found["Predicts"] = str(card["label"])
    if training.get("examples"):
        found["Training examples"] = f"{training['examples']:,} (gene × cell type)"
    phases = [_phase(phase) for phase in training.get("phases", [])]
    if phases:
        found["Training"] = ", then ".join(phases)
    calibrated = training.get("calibrated")
    if calibrated:
        found["Calibration"] = (
            f"predictions × {calibrated['slope']:.3g} {calibrated['shift']:+.3g}, by least squares "
            f"on {calibrated['windows']} whole training windows"
        )
    if card.get("trained_steps") is not None:
        found["Steps until the kept weights"] = f"{card['trained_steps']:,}"
    if card.get("trained_seconds") is not None:
        found["Training took"] = duration(float(card["trained_seconds"]))
    if card.get("seed") is not None:
        found["Seed"] = str(card["seed"])
    if card.get("threshold") is not None:
        found["Mask threshold to start with"] = f"{card['threshold']:.3f}"
    versions = card.get("versions") or {}
    if versions:
        found["Made with"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    return {name: text for name, text in found.items() if text}


def _phase(phase: Mapping[str, Any]) -> str:
    steps = (phase.get("optimisation") or {}).get("steps")
    if steps is None:
        return json.dumps(phase)
    rate = phase["optimisation"].get("lr")
    text = f"{steps:,} steps of {phase['batch_size']} windows of {phase['window']:,} bp"
    if phase.get("compaction"):
        text += f" cut down to their {phase['compaction']['length']:,} most open bp"
    return text if rate is None else f"{text} at a peak rate of {rate:g}"


def log_path(entry: ModelEntry) -> Path:
    """Return where a model's training log is, if it was shipped: ``ID.log.csv`` beside its card."""
    return entry.path.with_name(f"{entry.id}.log.csv")


def read_log(path: Path) -> pd.DataFrame | None:
    """Read a training log; None where there is none.

    A run of several phases counts its steps anew in each: they are put one after another.

    Returns
    -------
    pandas.DataFrame
        The log's columns (`seq2exp.training.logs`), ``phase`` being 0, 1, …, and ``step`` rising
        through all phases.

    Raises
    ------
    InputError
        A file that is no table, or lacks a column.
    """
    if not path.is_file():
        return None
    fix = "copy it anew from the run's folder, or delete it to show the model without it"
    try:
        log = pd.read_csv(path).apply(pd.to_numeric)
    except (OSError, ValueError) as error:
        raise InputError(
            f"The training log {path} is not a readable table of numbers ({error}); {fix}."
        ) from error
    missing = [name for name in LOG_COLUMNS if name not in log]
    if missing:
        raise InputError(f"The training log {path} has no column '{missing[0]}'; {fix}.")
    restarts = log["step"].diff() < 0
    ends = log["step"].shift(fill_value=0).where(restarts, 0).cumsum()
    return log.assign(step=log["step"] + ends, phase=restarts.cumsum())
