"""What a trained network is worth on whole windows, with its mask where it has one."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seq2exp.errors import InputError
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.training.evaluation import Evaluation, Fit, Truth, evaluate, fit_metrics
from seq2exp.training.examples import Examples, Progress
from seq2exp.training.networks import calibrate, predict_all
from seq2exp.training.states import BEST, load_best


@dataclass(frozen=True)
class Judged:
    """A network on one split.

    Attributes
    ----------
    fit : of its predictions.
    mask : what is known of its mask; None for networks without one.
    """

    fit: Fit
    mask: Evaluation | None = None


def judge(
    model: nn.Module,
    examples: Examples,
    *,
    untrained: nn.Module | None,
    truth: Truth | None,
    device: torch.device,
    title: str,
    progress: Progress,
) -> Judged:
    """Run a network over whole windows; for the parameters see `evaluate`."""
    if isinstance(model, Seq2Exp):
        assert untrained is None or isinstance(untrained, Seq2Exp)
        found = evaluate(
            model,
            examples,
            untrained=untrained,
            truth=truth,
            device=device,
            title=title,
            progress=progress,
        )
        return Judged(found.fit, found)
    predicted = predict_all(model, examples, device=device, title=title, progress=progress)
    return Judged(fit_metrics(predicted, examples.label))


@dataclass(frozen=True)
class Outcome:
    """What a run comes to.

    Attributes
    ----------
    phase : number of the phase whose weights are kept.
    best : its best weights, as `load_best` gives them.
    calibrated : slope and shift that its predictions were given, see `calibrate`; None: none.
    splits : what these are worth on "validation", and on "test" where there is one.
    """

    phase: int
    best: dict[str, Any]
    calibrated: tuple[float, float] | None
    splits: dict[str, Judged]


def judge_phases(
    model: nn.Module,
    folders: Sequence[Path],
    whole: Mapping[str, Examples],
    *,
    calibration: Examples | None,
    untrained: nn.Module,
    truth: Truth | None,
    device: torch.device,
    progress: Progress,
) -> Outcome:
    """Choose the phase whose best weights predict best on validation, and judge these on test.

    Afterwards `model` has them, calibrated.

    Parameters
    ----------
    folders : of the phases, in order.
    whole : examples of "validation", and of "test" where there is one.
    calibration : training examples that a phase's weights are calibrated on; None: they are not.
    untrained : the network before training. What training changed is measured on the last split
        alone, which is the one that a card's summary speaks of.

    Raises
    ------
    InputError
        As `best_of`.
    """
    final = "test" if "test" in whole else "validation"
    states = [load_best(folder / BEST) for folder in folders]

    def judged(split: str, title: str) -> Judged:
        return judge(
            model,
            whole[split],
            untrained=untrained if split == final else None,
            truth=truth,
            device=device,
            title=title,
            progress=progress,
        )

    found, weights, calibrated = [], [], []
    for folder, state in zip(folders, states, strict=True):
        model.load_state_dict(state["weights"])
        values = None
        if calibration is not None:
            title = f"Calibrating {folder.name} training"
            values = calibrate(model, calibration, device=device, title=title, progress=progress)
        calibrated.append(values)
        weights.append(copy.deepcopy(model.state_dict()))
        found.append(judged("validation", f"Validating {folder.name} training"))
    kept = best_of([one.fit.mse for one in found])
    model.load_state_dict(weights[kept])
    splits = {"validation": found[kept]}
    if final == "test":
        splits["test"] = judged("test", "Testing")
        best_of([splits["test"].fit.mse])
    return Outcome(kept, states[kept], calibrated[kept], splits)


def best_of(errors: Sequence[float]) -> int:
    """Return which is the smallest of some errors on whole windows, those left out that are none.

    Raises
    ------
    InputError
        No error is a finite number.
    """
    numbers = [place for place, error in enumerate(errors) if isfinite(error)]
    if not numbers:
        raise InputError(
            "The trained network predicts no finite numbers on whole windows: delete the run's "
            "folder and start anew with a lower learning rate (--lr, --finetune-lr)."
        )
    return min(numbers, key=lambda place: errors[place])
