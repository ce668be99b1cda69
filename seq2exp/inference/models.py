"""Where trained models lie, and finding one by its id."""

import os
from pathlib import Path

import seq2exp
from seq2exp.errors import InputError, nearest
from seq2exp.model.checkpoint import list_models


def models_dir() -> Path:
    """Return the folder of trained models: ``$SEQ2EXP_MODELS``, or ``data/models`` of the project.

    The project's folder stands beside the package (it is installed editable).
    """
    chosen = os.environ.get("SEQ2EXP_MODELS")
    if chosen:
        return Path(chosen)
    return Path(seq2exp.__file__).resolve().parent.parent / "data" / "models"


def find_model(name: str | None = None) -> Path:
    """Return a model's safetensors.

    Parameters
    ----------
    name
        An id among those in `models_dir`, or the path of a safetensors; None: the first id.

    Raises
    ------
    InputError
        For a name that is neither, offering the nearest ids.
    """
    if name and (name.endswith(".safetensors") or os.sep in name):
        path = Path(name)
        if not path.is_file():
            raise InputError(f"There is no model file {name}; check its path.")
        return path
    entries = {entry.id: entry for entry in list_models(models_dir())}
    if not entries:
        raise InputError(
            f"There are no models in {models_dir()}; name a .safetensors file, or train one with "
            "'seq2exp train'."
        )
    if name is None:
        return next(iter(entries.values())).path
    if name not in entries:
        raise InputError(f"There is no model '{name}'; {nearest(name, entries)}")
    return entries[name].path
