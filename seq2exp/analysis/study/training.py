"""Training what a study's plan lists and is not there yet."""

import json
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2exp.analysis.study.plan import Plan, Run
from seq2exp.errors import InputError
from seq2exp.files import atomic_path, digest
from seq2exp.model.checkpoint import SUFFIX, card_path, read_card
from seq2exp.training.devices import Devices
from seq2exp.training.examples import Progress
from seq2exp.training.runfolder import folder_of
from seq2exp.training.train import train


@dataclass(frozen=True)
class Trained:
    """What became of one run: "trained", "resumed", "there already" or why it was not trained."""

    run: Run
    what: str
    failed: bool = False


def model_path(folder: Path, run: Run) -> Path:
    """Return where a run's model is in a folder of runs."""
    return folder / f"{run.id}{SUFFIX}"


def planned_card(folder: Path, run: Run) -> dict[str, Any] | None:
    """Return the card of a run that is there; None where it is not.

    Raises
    ------
    InputError
        A model of this name that is not what the plan says, or whose mask is that of other weights
        than the run has whose mask it takes.
    """
    path = model_path(folder, run)
    if not path.exists() or not card_path(path).exists():
        return None
    card = read_card(card_path(path))
    wrong = run.differences(card)
    if wrong:
        raise InputError(
            f"{path} is not the run that the plan describes ({', '.join(wrong[:4])}): move it "
            "away, or give the run in the plan another id."
        )
    if run.source is not None:
        source = folder / f"{run.source}{SUFFIX}"
        if source.exists() and (card.get("from") or {}).get("sha256") != digest(source):
            raise InputError(
                f"{path} takes its mask from another {run.source} than {source} is now: move it "
                "away, so that it can be trained anew."
            )
    return card


def train_runs(
    plan: Plan,
    dataset_path: str | Path,
    folder: Path,
    *,
    only: Iterable[str] = (),
    root: str | Path | None = None,
    devices: Devices | None = None,
    scan: str = "auto",
    machine: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> list[Trained]:
    """Train the runs of a plan that are not in a folder yet, one after another.

    Interrupted ones are resumed. A run that cannot be trained does not keep others from it; of one
    that ends with an error that nobody foresaw, the traceback goes to stderr.

    Parameters
    ----------
    only : ids of runs or settings; none: all.
    machine : what the cards say of where the runs were trained.
    dataset_path, root, devices, scan, progress : as in `train`.
    """
    found = []
    for run in plan.chosen(only):
        out = model_path(folder, run)
        try:
            if planned_card(folder, run) is not None:
                found.append(Trained(run, "there already"))
                continue
            resume = folder_of(out).exists()
            source = None if run.source is None else _source(folder, plan.run(run.source))
            train(
                dataset_path,
                out,
                model=run.model,
                preset=run.preset,
                source=source,
                cells=run.cells,
                seed=run.seed,
                wishes=run.wishes,
                devices=devices,
                scan=scan,
                resume=resume,
                switches=run.switches,
                root=root,
                progress=progress,
            )
            if machine:
                _add(card_path(out), {"machine": dict(machine)})
        except InputError as error:
            found.append(Trained(run, str(error), failed=True))
            continue
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            said = " ".join(f"{type(error).__name__}: {error}".split())
            found.append(Trained(run, f"{said} (its traceback is on stderr)", failed=True))
            continue
        found.append(Trained(run, "resumed" if resume else "trained"))
    return found


def _source(folder: Path, run: Run) -> Path:
    path = model_path(folder, run)
    if not path.exists():
        raise InputError(f"{path}, whose mask it takes, is not there: train {run.id} first.")
    return path


def _add(path: Path, values: Mapping[str, Any]) -> None:
    """Add values to a card."""
    card = {**read_card(path), **values}
    with atomic_path(path) as draft:
        draft.write_text(json.dumps(card, indent=2, allow_nan=False) + "\n", encoding="utf-8")
