"""What a run is, and what its model's card says: the numbers, how it was made and with what."""

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from seq2exp.datasets.catalog import Dataset
from seq2exp.files import digest
from seq2exp.model.registry import configure, entry
from seq2exp.training.examples import Examples
from seq2exp.training.judge import Outcome
from seq2exp.training.logs import read_rows
from seq2exp.training.phases import Phase
from seq2exp.training.report import SplitReport, summary
from seq2exp.training.runfolder import folder_of


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that decides what comes out of a run.

    Attributes
    ----------
    dataset, dataset_path, cells : what it learns from.
    out : the model's file.
    model, preset, config : the system, its size, and its network's configuration.
    seed, phases : how it is trained.
    calibrate : whole training windows that the trained network is calibrated on.
    lr_floor : the learning rates' end where it is not the preset's.
    source : the model whose mask is taken, where one is.
    """

    dataset: Dataset
    dataset_path: str | Path
    out: Path
    model: str
    preset: str
    cells: tuple[str, ...]
    seed: int
    config: Any
    phases: Sequence[Phase]
    calibrate: int
    lr_floor: float | None
    source: Path | None

    def settings(self) -> dict[str, Any]:
        """Return what must be the same for a run to be resumed, as plain values."""
        return {
            "model": self.model,
            "from": None if self.source is None else digest(self.source),
            "dataset": self.dataset.digest,
            "cells": list(self.cells),
            "config": self.config.to_dict(),
            "seed": self.seed,
            "phases": [asdict(phase) for phase in self.phases],
            "calibrate": self.calibrate,
        }

    def command(self) -> str:
        """Return the command line that trains the same network."""
        first = self.phases[0]
        words: list[object] = ["seq2exp", "train", "--dataset", self.dataset_path]
        words += ["--out", self.out, "--model", self.model, "--preset", self.preset]
        words += ["--seed", self.seed]
        if self.source is not None:
            words += ["--from", self.source]
        for cell in self.cells:
            words += ["--cell", cell]
        words += ["--steps", first.optimisation.steps, "--batch-size", first.batch_size]
        words += ["--window", first.window, "--lr", first.optimisation.lr]
        words += ["--validate-every", first.validate_every]
        if self.lr_floor is not None:
            words += ["--lr-floor", self.lr_floor]
        if first.compaction is not None:
            words += ["--compact", first.compaction.length]
            words += ["--background", first.compaction.background]
        for phase in self.phases[1:]:
            words += ["--finetune-steps", phase.optimisation.steps]
            words += ["--finetune-window", phase.window]
            words += ["--finetune-batch-size", phase.batch_size]
            words += ["--finetune-lr", phase.optimisation.lr]
            words += ["--hold-mask" if phase.hold_mask else "--finetune-mask"]
        words += ["--calibrate", self.calibrate]
        own = self.config.to_dict()
        # What a mask is retrained on brings its settings along.
        usual = own if self.source else configure(self.model, self.preset).to_dict()
        for name, value in own.items():
            if value != usual[name]:
                words += ["--set", f"{name}={json.dumps(value)}"]
        return shlex.join(str(word) for word in words)


def make_card(
    run: Run,
    training: Examples,
    reports: Mapping[str, SplitReport],
    outcome: Outcome,
    *,
    title: str | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """Return a trained model's card.

    Parameters
    ----------
    training : the examples it was trained on.
    reports : by split, "validation" and, where there is one, "test".
    outcome : which of the run's phases its weights are from, and what they come to.
    title, command : made from the run where not given.
    """
    used, config, folder = run.phases[: outcome.phase + 1], run.config, folder_of(run.out)
    best, calibrated = outcome.best, None
    if outcome.calibrated is not None:
        slope, shift = outcome.calibrated
        calibrated = {"windows": run.calibrate, "slope": slope, "shift": shift}
    known = entry(run.model)
    variant = getattr(config, "variant", "")
    card = {
        "id": run.out.stem,
        "title": title or f"{known.title} ({run.preset}) on {run.dataset.name}",
        "model": run.model,
        "config": config.to_dict(),
        "window": max(phase.window for phase in used),
        "dataset": {
            "name": run.dataset.name,
            "digest": run.dataset.digest,
            "simulated": run.dataset.simulated,
        },
        "cells": list(run.cells),
        "label": f"log10({training.label_name} + 1)",
        "label_range": [float(training.label.min()), float(training.label.max())],
        "metrics": {split: made.to_dict() for split, made in reports.items()},
        "training": {
            "examples": len(training),
            "phases": [asdict(phase) for phase in run.phases],
            "kept": {"phase": used[-1].name, "step": best["step"], "crop_mse": best["mse"]},
            "calibrated": calibrated,
        },
        "trained_steps": sum(p.optimisation.steps for p in used[:-1]) + best["step"],
        "trained_seconds": trained_seconds(folder, used),
        "command": command or run.command(),
        "seed": run.seed,
        "summary": summary(
            known.title,
            config.width,
            reports,
            soft=variant == "soft" and run.source is None,
            simulated=run.dataset.simulated,
            trained=" and then ".join(str(p) for p in used),
            seed=run.seed,
        ),
        "versions": versions(),
    }
    mask = reports["validation"].mask
    if mask is not None:
        # Where the page starts: a hard network's own threshold, the usual share of bases for soft.
        card["threshold"] = config.threshold if variant == "hard" else mask.mask_high
    if run.source is not None:
        card["from"] = {"id": run.source.stem, "sha256": digest(run.source)}
    return card


def versions() -> dict[str, str]:
    """Return what a run is made with."""
    packages = ("seq2exp", "torch", "lightning", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def trained_seconds(folder: Path, phases: Sequence[Phase]) -> float:
    """Return how long the phases of a run took, validations included, restarts left out."""
    rows = (read_rows(folder / phase.name / "log.csv") for phase in phases)
    return round(sum(max(float(row["seconds"]) for row in found) for found in rows), 1)


def whole_log(folder: Path, phases: Sequence[Phase]) -> str:
    """Return the logs of a run's phases as one table; steps count anew in each."""
    texts = [(folder / phase.name / "log.csv").read_text() for phase in phases]
    header = texts[0].partition("\n")[0]
    return "\n".join([header, *(text.partition("\n")[2].rstrip("\n") for text in texts)]) + "\n"
