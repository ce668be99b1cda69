"""Models on disk: a safetensors file, and beside it a JSON card that says what the model is.

The card has id, title, variant, config, dataset {name, digest, simulated}, cells, metrics, command,
seed, trained_steps, summary and versions; nothing of it but config is needed to run the model, so
that stands in the safetensors file, too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from seq2exp.errors import InputError
from seq2exp.files import atomic_path
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class ModelEntry:
    """A model that is there to be loaded: `id` is its file's name without suffix."""

    id: str
    path: Path
    card: dict[str, Any]

    @property
    def title(self) -> str:
        """What to call it on screen."""
        return str(self.card.get("title") or self.id)


def card_path(path: str | PathLike[str]) -> Path:
    """Return where the card of a model's safetensors file is."""
    return Path(path).with_suffix(".json")


def save_model(path: str | PathLike[str], model: Seq2Exp, card: Mapping[str, Any]) -> None:
    """Write the model's tensors to `path` (.safetensors) and its card beside it.

    The card's id, variant and config are set from the file's name and the model.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise InputError(f"{path} does not end in {SUFFIX}; name the model's file so.")
    config = model.config.to_dict()
    full = {**card, "id": path.stem, "variant": model.config.variant, "config": config}
    text = json.dumps(full, indent=2, allow_nan=False) + "\n"
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    with atomic_path(path) as draft:
        save_file(tensors, draft, metadata={"config": json.dumps(config)})
    with atomic_path(card_path(path)) as draft:
        draft.write_text(text, encoding="utf-8")


def load_model(path: str | PathLike[str]) -> tuple[Seq2Exp, dict[str, Any]]:
    """Return the model of a safetensors file, on the CPU and ready to predict, and its card.

    Raises
    ------
    InputError
        No such file, not safetensors, no or a damaged card, or tensors that are not those of the
        network that the config describes.
    """
    path = Path(path)
    try:
        with safe_open(path, "pt") as file:
            described = (file.metadata() or {}).get("config")
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError:
        raise InputError(f"There is no model {path}; check the path.") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a readable safetensors file ({error}).") from error
    card = read_card(card_path(path)) if card_path(path).exists() else {"id": path.stem}
    config: Any = card.get("config")
    if config is None:
        try:
            config = dict(json.loads(described or ""))
        except (TypeError, ValueError):
            raise InputError(
                f"{path} does not say which network it is: put its card {card_path(path).name} "
                "beside it."
            ) from None
    model = build(ModelConfig.from_dict(config), tensors, str(path))
    return model, {"title": path.stem, "variant": model.config.variant, **card}


def suggested_threshold(card: Mapping[str, Any]) -> float:
    """Return the mask threshold that a model starts with: its card's, else its network's.

    Rounded to three decimals, so that what a slider shows is what is used.
    """
    return round(float(card.get("threshold", card["config"]["threshold"])), 3)


def read_card(path: str | PathLike[str]) -> dict[str, Any]:
    """Return a model's card; `InputError` where it is not a JSON object."""
    try:
        card = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"The model card {path} is not readable JSON ({error}).") from error
    if not isinstance(card, dict):
        raise InputError(f"The model card {path} is not a JSON object.")
    return card


def list_models(folder: str | PathLike[str]) -> list[ModelEntry]:
    """Return the models of a folder that have a card, by file name; none where there is no folder.

    Raises
    ------
    InputError
        A card is damaged.
    """
    paths = sorted(Path(folder).glob(f"*{SUFFIX}"))
    return [
        ModelEntry(path.stem, path, read_card(card_path(path)))
        for path in paths
        if card_path(path).exists()
    ]


def build(config: ModelConfig, tensors: Mapping[str, Tensor], source: str) -> Seq2Exp:
    """Return the network of `config` with these tensors, in evaluation mode.

    Raises
    ------
    InputError
        Missing, additional or wrongly shaped tensors; names `source` and the first of them.
    """
    with torch.device("meta"):
        model = Seq2Exp(config)
    wanted = model.state_dict()
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if missing or extra:
        names, what = (missing, "lacks") if missing else (extra, "has the unknown")
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise InputError(
            f"{source} {what} tensor {names[0]}{more}; it is not a Seq2Exp-{config.variant} of "
            f"width {config.width} with {config.generator_layers} + {config.predictor_layers} "
            "layers."
        )
    for name, value in wanted.items():
        if tensors[name].shape != value.shape:
            raise InputError(
                f"{source}: tensor {name} is {list(tensors[name].shape)}, but this network needs "
                f"{list(value.shape)}."
            )
        if not tensors[name].dtype.is_floating_point:
            raise InputError(f"{source}: tensor {name} is {tensors[name].dtype}, not floating.")
    frozen = {name for name, p in model.named_parameters() if not p.requires_grad}
    model.load_state_dict({name: tensors[name].float() for name in wanted}, assign=True)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return model.eval()
