"""The folder of a run, beside its model: settings, states, logs; what makes a run resumable."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seq2exp.errors import InputError
from seq2exp.files import atomic_path
from seq2exp.model.checkpoint import SUFFIX
from seq2exp.training.states import check_states

SETTINGS = "settings.json"
_DRAFT = ".writing-"  # what `atomic_path` begins the names of its folders with
FINISHED = "finished"  # the file that marks a run, or a phase of it, as complete


def folder_of(out: Path) -> Path:
    """Return where the run of a model's file is: ``OUT.training``, `out` without its suffix."""
    return out.with_suffix(".training")


def check_out(out: Path) -> None:
    """Refuse a model's file that cannot be written.

    Raises
    ------
    InputError
        It has no or another suffix, is a folder, or lies where no folder is or can be made.
    """
    if out.suffix != SUFFIX:
        raise InputError(f"The model's file {out} must end in {SUFFIX}.")
    if out.is_dir():
        raise InputError(f"{out} is a folder: choose another name for the model's file.")
    above = next(folder for folder in out.absolute().parents if folder.exists())
    if not above.is_dir():
        raise InputError(f"Cannot write {out}: {above} is no folder; choose another place.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise InputError(f"Cannot write {out}: {above} is read-only; choose another place.")


def check_run(out: Path, settings: Mapping[str, Any], resume: bool) -> None:
    """Refuse to resume what is not there, or to overwrite what must not be lost.

    Raises
    ------
    InputError
        Nothing to resume, something else, or what is damaged; or the folder holds what must not be
        lost.
    """
    folder = folder_of(out)
    described = folder / SETTINGS
    if resume:
        if not described.exists():
            raise InputError(f"There is no run to resume in {folder}: leave out resume.")
        try:
            begun = json.loads(described.read_text())
        except ValueError as error:
            raise InputError(
                f"{described} is damaged ({error}): delete {folder} and start without resume."
            ) from None
        if begun != json.loads(json.dumps(settings)):
            raise InputError(
                f"The run in {folder} was started with other settings or data: resume it with "
                f"those in {described}, or start another without resume."
            )
        check_states(folder)
        return
    if (folder / FINISHED).exists() or not folder.exists():
        return
    if described.exists():
        raise InputError(f"{folder} holds an unfinished run: go on with it (resume), or delete it.")
    if folder.is_file() or any(not left.name.startswith(_DRAFT) for left in folder.iterdir()):
        raise InputError(f"{folder} is in the way and no training run: rename or delete it.")


def open_run(out: Path, settings: Mapping[str, Any], resume: bool) -> Path:
    """Return the run's folder: a fresh one, or that of the interrupted run to go on with.

    `check_run` has let them pass.
    """
    folder = folder_of(out)
    if resume:
        for draft in folder.rglob(f"{_DRAFT}*"):  # left by a run that was killed
            shutil.rmtree(draft)
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.iterdir(), key=lambda path: path.name == FINISHED):  # this goes last
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
    with atomic_path(folder / SETTINGS) as draft:
        draft.write_text(json.dumps(settings, indent=1))
    return folder
