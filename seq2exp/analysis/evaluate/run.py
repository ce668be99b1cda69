"""`evaluate`: every model and every score on one data set, into a folder of results."""

import platform
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from seq2exp.analysis.evaluate.folder import Found, write_results
from seq2exp.analysis.evaluate.options import Options
from seq2exp.analysis.evaluate.outputs import Masks, Network
from seq2exp.analysis.evaluate.priors import Trained, sweeps
from seq2exp.analysis.evaluate.steps import Steps
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.files import cache_dir, digest
from seq2exp.training.examples import Progress, examples


def evaluate(
    models: Sequence[Path],
    dataset_path: str | Path,
    out: Path,
    options: Options | None = None,
    *,
    root: str | Path | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Evaluate models on a data set and write the results into a folder.

    Written are fit.parquet, predictions.parquet, truth.parquet and, where it is asked for,
    deletions.parquet (data sets with planted elements), priors.parquet (models that differ in their
    prior alone), crispri.parquet (data sets with a CRISPRi table), draws.parquet (the resamples
    behind the intervals), tables.md and evaluate.json, each whole or not at all; those of an
    earlier run that do not apply any more are deleted.

    Returns
    -------
    dict
        What evaluate.json holds.

    Raises
    ------
    InputError
        No model, two models of one id, or a data set that lacks what is asked for.
    """
    options = options or Options()
    if out.exists() and not out.is_dir():
        raise InputError(f"The results go into a folder, and {out} is a file; name another one.")
    device = _device(options.device)
    networks = [Network.load(path) for path in models]
    _check(networks, options)
    dataset = Dataset.load(dataset_path, root=root)
    cells = dataset.measured_cells(options.cells or None)
    whole = examples(dataset, options.split, cells, options.length, progress)
    found = Found(notes=_notes(networks, dataset, options))
    with tempfile.TemporaryDirectory(prefix="evaluate-", dir=cache_dir()) as scratch:
        steps = Steps(dataset, cells, whole, options, device, Path(scratch), found, progress)
        steps.judge_signals()
        kept = {network.id for group in sweeps(networks) for network in group}
        masks: dict[str, Masks] = {}
        for network in networks:
            own = steps.judge(network, keep=network.id in kept)
            if own is not None:
                masks[network.id] = own
        for group in sweeps(networks):
            steps.sweep([Trained(n, masks[n.id]) for n in group if n.id in masks])
        steps.deletions(networks)
        steps.crispri(networks)
    about = {
        "command": command,
        "dataset": {
            "name": dataset.name,
            "digest": dataset.digest,
            "simulated": dataset.simulated,
        },
        "split": options.split,
        "cells": cells,
        "examples": len(whole),
        "genes": len({example.gene for example in whole.table}),
        "length": options.length,
        "cuts": list(options.cuts),
        "models": [network.id for network in networks],
        "weights": {network.id: digest(network.path) for network in networks},
        "macs3_ratio": None if steps.judging is None else steps.macs3_ratio,
        "bootstrap": {"over": "genes", "replicates": options.replicates, "seed": options.seed},
        "device": _described(device),
        "seconds": steps.seconds,
        "notes": found.notes,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("seq2exp", "torch", "numpy")},
        },
        "date": datetime.now(UTC).date().isoformat(),
    }
    write_results(out, found.frames(), about)
    return about


def _check(networks: Sequence[Network], options: Options) -> None:
    if not networks:
        raise InputError("There is no model to evaluate; name one or more.")
    ids = [network.id for network in networks]
    for name in ids:
        if ids.count(name) > 1:
            raise InputError(
                f"Two of the models have the id {name}; give files (and cards) of different names."
            )
    for cut in options.cuts:
        if cut % 2 or cut <= 0:
            raise InputError(f"A window of {cut:,} bp does not work; cut to an even length.")
    if options.replicates < 1:
        raise InputError(f"{options.replicates} resamples give no interval; use 1,000.")
    if options.seed < 0:
        raise InputError(f"The seed {options.seed} is below 0; use a whole number from 0 on.")


def _notes(networks: Sequence[Network], dataset: Dataset, options: Options) -> list[str]:
    """Say what keeps the numbers from being those of unseen genes of the models' own data."""
    notes = []
    if options.split == "train":
        notes.append("These are the chromosomes that models are trained on: no number here is new.")
    for network in networks:
        trained = network.card.get("dataset") or {}
        if trained.get("digest") not in (None, dataset.digest):
            other = f"{trained.get('name', 'without a name')} ({str(trained['digest'])[:12]})"
            notes.append(
                f"{network.title} was trained on other data, {other}; its training genes may be "
                "among these."
            )
    return notes


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"There is no device {name!r}; use auto, cpu or cuda.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device here; use auto or cpu.")
    return device


def _described(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
