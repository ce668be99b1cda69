"""Train a Seq2Exp network on a data set and write it with a card that says what came of it.

Attention costs little here but length does: on a CPU, train on the central bases of each window
(`window`), then, if wanted, for a few steps on longer ones (`finetune_*`). The network has no
fixed length, and what is reported is always measured on whole windows.
"""

import copy
import json
import logging
import platform
import shlex
import shutil
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
import yaml

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.files import atomic_path
from seq2exp.model.checkpoint import save_model
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.training.batches import Batches, Examples, OrderedBatches, Progress, examples
from seq2exp.training.callbacks import CsvLog, KeepBest, KeepLast, Report, load_best
from seq2exp.training.evaluation import baselines, evaluate
from seq2exp.training.module import Optimisation, Seq2ExpModule
from seq2exp.training.objective import GRADIENT_CLIP
from seq2exp.training.presets import TRAINING_PRESETS
from seq2exp.training.progress import RichProgress
from seq2exp.training.report import SplitReport, summary
from seq2exp.training.truth import planted_truth

FINISHED = "finished"  # the file that marks a run, or a phase of it, as complete


@dataclass(frozen=True)
class Phase:
    """One stretch of training at one window length."""

    name: str
    window: int
    batch_size: int
    validate_every: int
    optimisation: Optimisation

    def __str__(self) -> str:
        """Say how it trains, e.g. "1,000 steps of 8 windows of 16,384 bp"."""
        steps = self.optimisation.steps
        return f"{steps:,} steps of {self.batch_size} windows of {self.window:,} bp"


def train(
    dataset_path: str | Path,
    out: str | Path,
    *,
    variant: str = "soft",
    preset: str = "paper",
    cells: Sequence[str] | None = None,
    seed: int = 2222,
    steps: int | None = None,
    batch_size: int | None = None,
    window: int | None = None,
    lr: float | None = None,
    lr_floor: float | None = None,
    finetune_steps: int | None = None,
    finetune_window: int | None = None,
    finetune_batch_size: int | None = None,
    finetune_lr: float | None = None,
    validate_every: int | None = None,
    accelerator: str = "auto",
    devices: int | str = 1,
    precision: str | None = None,
    scan: str = "auto",
    resume: bool = False,
    switches: Mapping[str, Any] | None = None,
    root: str | Path | None = None,
    title: str | None = None,
    command: str | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train a network and write ``out`` (safetensors) with its card beside it.

    While it runs, ``OUT.training/`` (`out` without its suffix) holds each phase's ``log.csv``, the
    last state and the best weights by validation MSE; it stays afterwards and may be deleted.

    Parameters
    ----------
    dataset_path, root : the data set's yaml, and the folder its paths start from.
    variant, preset : "soft" or "hard"; "paper", "demo" or "tiny".
    switches : model settings by name that differ from the variant's (`ModelConfig`).
    cells : cell types to learn from; default all with expression.
    seed : of the initial weights, the order of examples, and the sampled masks.
    steps, batch_size, window, lr : of the first phase; window is the central bases to train on.
        What is not given is the preset's (`TRAINING_PRESETS`); its second phase and its validations
        belong to its steps, so they are kept only where `steps` is not given.
    lr_floor : the schedule's end; defaults to a fifth of its peak, as published.
    finetune_steps, finetune_window, finetune_batch_size, finetune_lr : a second phase, from the
        first one's best weights, on longer windows; its peak rate defaults to a fifth of `lr`.
    validate_every : steps between validations; default the preset's, else a twentieth of the phase.
    accelerator, devices, precision : as Lightning's Trainer has them, for one device ("1," is the
        second one); the precision defaults to bf16 on a CUDA device, as published, and to float32
        elsewhere.
    scan : what runs the layers on the device: "auto", or a selective scan by its name.
    resume : go on from the last state of an interrupted run with the same settings.
    title, command : for the card; made from the settings where not given.
    progress : called as ``progress(fraction, text)``; default a bar on stderr.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    InputError
        Settings that no training can have, or a data set without what training needs.
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        raise InputError(f"The model's file {out} must end in .safetensors.")
    config = _config(variant, preset, switches)
    usual = TRAINING_PRESETS[preset]
    if steps is not None:
        usual = replace(
            usual,
            validate_every=None,
            finetune_steps=0,
            finetune_window=None,
            finetune_batch_size=1,
        )
    if finetune_steps is not None:
        usual = replace(usual, finetune_steps=finetune_steps)
    peak = usual.lr if lr is None else lr
    dataset = Dataset.load(dataset_path, root=root)
    if cells is None:
        cells = [name for name, cell in dataset.cells.items() if cell.expression is not None]
    phases = _phases(
        config,
        first=(
            usual.steps if steps is None else steps,
            window or min(usual.window or config.window, config.window),
            usual.batch_size if batch_size is None else batch_size,
            peak,
        ),
        second=(
            usual.finetune_steps,
            finetune_window or min(usual.finetune_window or config.window, config.window),
            usual.finetune_batch_size if finetune_batch_size is None else finetune_batch_size,
            peak / 5 if finetune_lr is None else finetune_lr,
        ),
        lr_floor=lr_floor,
        validate_every=usual.validate_every if validate_every is None else validate_every,
    )
    settings = {
        "dataset": dataset.digest,
        "cells": list(cells),
        "config": config.to_dict(),
        "seed": seed,
        "phases": [asdict(phase) for phase in phases],
    }
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)

    with nullcontext(progress) if progress else RichProgress() as report:
        assert report is not None
        # Everything is assembled before the first step: an error there should not cost a run.
        held_out = {
            split: examples(dataset, split, cells, config.window, report)
            for split in ("validation", "test")
            if split == "validation" or dataset.splits.get("test")
        }
        longest = max(phase.window for phase in phases)
        training = examples(dataset, "train", cells, longest, report)
        folder = _run_folder(out, settings, resume)
        truth = planted_truth(dataset, config.promoter)
        torch.manual_seed(seed)
        model = Seq2Exp(config)
        untrained = copy.deepcopy(model)
        candidates = []
        # What training changed is measured once, where the summary's claims are read from.
        final = "test" if "test" in held_out else "validation"
        for phase in phases:
            trainer = _fit(
                model,
                phase,
                training,
                held_out["validation"],
                folder / phase.name,
                seed=seed,
                precision=precision,
                accelerator=accelerator,
                devices=devices,
                scan=scan,
                report=report,
            )
            best = load_best(folder / phase.name / "best.pt")
            model.load_state_dict(best["weights"])
            device = trainer.strategy.root_device
            found = evaluate(
                model,
                held_out["validation"],
                untrained=untrained if final == "validation" else None,
                truth=truth,
                device=device,
                title=f"Validating {phase.name} training",
                progress=report,
            )
            candidates.append((found, best, phase))
        found, best, phase = min(candidates, key=lambda candidate: candidate[0].fit.mse)
        model.load_state_dict(best["weights"])
        evaluations = {"validation": found}
        if "test" in held_out:
            evaluations["test"] = evaluate(
                model,
                held_out["test"],
                untrained=untrained,
                truth=truth,
                device=device,
                title="Testing",
                progress=report,
            )
    base = {split: baselines(training, part) for split, part in held_out.items()}
    reports = {
        split: SplitReport(made, base[split]["mean"], base[split]["linear"])
        for split, made in evaluations.items()
    }
    used = phases[: phases.index(phase) + 1]
    card = {
        "id": out.stem,
        "title": title or f"Seq2Exp-{config.variant} ({preset}) on {dataset.name}",
        "variant": config.variant,
        "config": config.to_dict(),
        "dataset": {
            "name": dataset.name,
            "digest": dataset.digest,
            "simulated": dataset.simulated,
        },
        "cells": list(cells),
        "label": f"log10({training.label_name} + 1)",
        "label_range": [float(training.label.min()), float(training.label.max())],
        # Where the page starts: a hard network's own threshold, a tenth of the bases for soft.
        "threshold": config.threshold if config.variant == "hard" else found.mask_p90,
        "metrics": {split: made.to_dict() for split, made in reports.items()},
        "training": {
            "examples": len(training),
            "phases": settings["phases"],
            "kept": {"phase": phase.name, "step": best["step"], "crop_mse": best["mse"]},
        },
        "trained_steps": sum(p.optimisation.steps for p in used[:-1]) + best["step"],
        "command": command or _command(dataset_path, out, preset, cells, seed, phases, config),
        "seed": seed,
        "summary": summary(
            config,
            reports,
            simulated=dataset.simulated,
            trained=" and then ".join(str(p) for p in used),
            seed=seed,
        ),
        "versions": _versions(),
    }
    save_model(out, model.cpu().eval(), card)
    (folder / FINISHED).touch()
    return out


def _versions() -> dict[str, str]:
    """Return what the run was made with."""
    packages = ("seq2exp", "torch", "lightning", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def _config(variant: str, preset: str, switches: Mapping[str, Any] | None) -> ModelConfig:
    """Return the network's definition."""
    makers = {"soft": ModelConfig.soft, "hard": ModelConfig.hard}
    if variant not in makers:
        raise InputError(f"Unknown variant {variant!r}: choose soft or hard.")
    settings = {**makers[variant](preset).to_dict(), **(switches or {})}
    return ModelConfig.from_dict(settings)


def parse_switches(texts: Sequence[str]) -> dict[str, Any]:
    """Return model settings from ``name=value`` texts; values as YAML, e.g. ``kl_weight=0.1``."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            found[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            equals = ""
        if not equals:
            raise InputError(f"Cannot read the setting {text!r}: write it as name=value.")
    return found


def _phases(
    config: ModelConfig,
    first: tuple[int, int, int, float],
    second: tuple[int, int, int, float],
    lr_floor: float | None,
    validate_every: int | None,
) -> list[Phase]:
    """Check and describe the phases; each is (steps, window, batch size, peak rate)."""
    phases = []
    for name, (steps, window, batch_size, lr) in (("first", first), ("longer", second)):
        if name == "longer" and steps == 0:
            continue
        for what, value in (("steps", steps), ("batch size", batch_size), ("learning rate", lr)):
            if value <= 0:
                raise InputError(f"The {what} of the {name} phase must be above 0, not {value}.")
        if window > config.window or window < config.promoter or window % 2:
            raise InputError(
                f"A training window of {window:,} bp does not fit this model: choose an even "
                f"length from {config.promoter:,} to {config.window:,}."
            )
        every = max(1, steps // 20) if validate_every is None else validate_every
        if name == "longer":
            every = min(every, steps)
        if not 0 < every <= steps:
            raise InputError(f"Validate every 1 to {steps:,} steps, not {every:,}.")
        phases.append(
            Phase(name, window, batch_size, every, Optimisation(steps, lr, lr_floor=lr_floor))
        )
    return phases


def _run_folder(out: Path, settings: Mapping[str, Any], resume: bool) -> Path:
    """Return the run's folder: a fresh one, or that of the interrupted run to go on with."""
    folder = out.with_suffix(".training")
    described = folder / "settings.json"
    text = json.dumps(settings, indent=1)
    if resume:
        if not described.exists():
            raise InputError(f"There is no run to resume in {folder}: leave out resume.")
        if json.loads(described.read_text()) != json.loads(text):
            raise InputError(
                f"The run in {folder} was started with other settings or data: resume it with "
                f"those in {described}, or start another without resume."
            )
        return folder
    if folder.exists():
        if not described.exists():
            raise InputError(f"{folder} is in the way and no training run: rename or delete it.")
        if not (folder / FINISHED).exists():
            raise InputError(
                f"{folder} holds an unfinished run: go on with it (resume), or delete it."
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    with atomic_path(described) as draft:
        draft.write_text(text)
    return folder


def _fit(
    model: Seq2Exp,
    phase: Phase,
    training: Examples,
    validation: Examples,
    folder: Path,
    *,
    seed: int,
    precision: str | None,
    accelerator: str,
    devices: int | str,
    scan: str,
    report: Progress,
) -> pl.Trainer:
    """Train one phase, from its last state if there is one; leaves ``best.pt`` in `folder`."""
    folder.mkdir(exist_ok=True)
    steps = phase.optimisation.steps
    last, finished = folder / "last.ckpt", folder / FINISHED
    module = Seq2ExpModule(model, phase.optimisation, seed, scan)
    if precision is None:
        cuda = accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
        precision = "bf16-mixed" if cuda else "32-true"
    trainer = pl.Trainer(
        accelerator=accelerator,
        devices=devices,
        precision=precision,  # type: ignore[arg-type]
        max_steps=steps,
        max_epochs=1,
        val_check_interval=phase.validate_every,
        num_sanity_val_steps=0,
        gradient_clip_val=GRADIENT_CLIP,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[
            CsvLog(folder / "log.csv", every=max(1, min(10, phase.validate_every))),
            KeepBest(folder / "best.pt"),
            KeepLast(last, phase.validate_every),
            Report(report, f"Training, {phase.name} phase"),
        ],
    )
    if trainer.world_size > 1:
        raise InputError(f"Training runs on one device, not on {devices}: name one of them.")
    if finished.exists():
        return trainer
    batches = Batches(training, phase.batch_size, steps, seed, phase.window)
    held_out = OrderedBatches(validation, phase.batch_size, phase.window)
    # The mode is whatever evaluation left behind.
    module.train()
    resumed = str(last) if last.exists() else None
    with warnings.catch_warnings():
        # Lightning 2.6 uses what torch 2.13 is about to drop; nobody who trains can change that.
        warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
        trainer.fit(module, batches, held_out, ckpt_path=resumed, weights_only=True)
        if trainer.global_step < steps:
            raise KeyboardInterrupt
        if steps % phase.validate_every:
            trainer.validate(module, held_out, verbose=False)
    finished.touch()
    return trainer


def _command(
    dataset_path: str | Path,
    out: Path,
    preset: str,
    cells: Sequence[str],
    seed: int,
    phases: Sequence[Phase],
    config: ModelConfig,
) -> str:
    """Return the command line that trains the same network."""
    first = phases[0]
    words: list[object] = ["seq2exp", "train", "--dataset", dataset_path, "--out", out]
    words += ["--variant", config.variant, "--preset", preset, "--seed", seed]
    for cell in cells:
        words += ["--cell", cell]
    words += ["--steps", first.optimisation.steps, "--batch-size", first.batch_size]
    words += ["--window", first.window, "--lr", first.optimisation.lr]
    words += ["--validate-every", first.validate_every]
    if first.optimisation.lr_floor is not None:
        words += ["--lr-floor", first.optimisation.lr_floor]
    for phase in phases[1:]:
        words += ["--finetune-steps", phase.optimisation.steps]
        words += ["--finetune-window", phase.window]
        words += ["--finetune-batch-size", phase.batch_size]
        words += ["--finetune-lr", phase.optimisation.lr]
    plain = _config(config.variant, preset, None).to_dict()
    for name, value in config.to_dict().items():
        if value != plain[name]:
            words += ["--set", f"{name}={json.dumps(value)}"]
    return shlex.join(str(word) for word in words)
