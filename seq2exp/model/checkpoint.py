"""Models on disk: a safetensors file, and beside it a JSON card that says what the model is.

The card has id, title, model (its name in `seq2exp.model.registry`), config, dataset {name, digest,
simulated}, cells, window, metrics, command, seed, trained_steps, trained_seconds, summary and
versions; nothing of it but model and config is needed to run the model, so these stand in the
safetensors file, too. Cards from before there was more than one kind of model have variant ("soft"
or "hard") instead of model.
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
from torch import Tensor, nn

from seq2exp.errors import InputError
from seq2exp.files import atomic_path, digest
from seq2exp.model.baselines import BaselineConfig
from seq2exp.model.config import ModelConfig
from seq2exp.model.registry import entry, network, read_config
from seq2exp.model.retrain import Retrained
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

    @property
    def content(self) -> str:
        """What tells networks apart, wherever their files lie: weights, and the card's settings.

        A card may describe a network of the same weights otherwise than their file does.
        """
        config = json.dumps(self.card.get("config"), sort_keys=True, default=str)
        return f"{digest(self.path)} {config}"


def card_path(path: str | PathLike[str]) -> Path:
    """Return where the card of a model's safetensors file is."""
    return Path(path).with_suffix(".json")


def save_model(path: str | PathLike[str], model: nn.Module, card: Mapping[str, Any]) -> None:
    """Write the model's tensors to `path` (.safetensors) and its card beside it.

    The card's id, config and variant are set from the file's name and the model; its model, too,
    where the card does not have it.
    """
    path = Path(path)
    if path.suffix != SUFFIX:
        raise InputError(f"{path} does not end in {SUFFIX}; name the model's file so.")
    settings: Any = model.config
    config = settings.to_dict()
    usual = "seq2exp-retrain" if isinstance(model, Retrained) else _usual_name(settings)
    name = card.get("model") or usual
    full = {**card, "id": path.stem, "model": name, "config": config}
    if isinstance(model, Seq2Exp):
        full["variant"] = model.config.variant
    text = json.dumps(full, indent=2, allow_nan=False) + "\n"
    state = model.state_dict()
    tensors = {key: state[key].cpu().contiguous() for key in _stored(model).values()}
    # All in one, as safetensors writes several in any order, and equal models make equal files.
    described = json.dumps({"model": name, **config})
    with atomic_path(path) as draft:
        save_file(tensors, draft, metadata={"config": described})
    with atomic_path(card_path(path)) as draft:
        draft.write_text(text, encoding="utf-8")


def _stored(model: nn.Module) -> dict[str, str]:
    """Return each tensor's name → the name it is stored under: the first of those it has."""
    first: dict[int, str] = {}
    return {
        name: first.setdefault(id(value), name)
        for name, value in model.state_dict(keep_vars=True).items()
    }


def _usual_name(config: ModelConfig | BaselineConfig) -> str:
    """Return the system that a configuration belongs to where nothing else is said."""
    return f"seq2exp-{config.variant}" if isinstance(config, ModelConfig) else config.name


def model_name(card: Mapping[str, Any]) -> str:
    """Return which system of `seq2exp.model.registry` a card's model is."""
    if "model" in card:
        return str(card["model"])
    variant = card.get("variant") or (card.get("config") or {}).get("variant", "soft")
    return f"seq2exp-{variant}"


def load_model(path: str | PathLike[str]) -> tuple[Seq2Exp, dict[str, Any]]:
    """Return a model with a mask and its card, as `load_any` does.

    Raises
    ------
    InputError
        As `load_any`, or a model without a mask.
    """
    model, card = load_any(path)
    if not isinstance(model, Seq2Exp):
        raise InputError(
            f"{path} is {entry(model_name(card)).title}, which has no mask; name a Seq2Exp model."
        )
    return model, card


def load_any(path: str | PathLike[str]) -> tuple[nn.Module, dict[str, Any]]:
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
            described = (file.metadata() or {}).get("config", "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError:
        raise InputError(f"There is no model {path}; check the path.") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a readable safetensors file ({error}).") from error
    card = read_card(card_path(path)) if card_path(path).exists() else {"id": path.stem}
    try:
        config: Any = dict(json.loads(described))
    except (TypeError, ValueError):
        config = {}
    inside = {"model": config.pop("model")} if "model" in config else {}
    config = card.get("config") or config
    if not config:
        raise InputError(
            f"{path} does not say which network it is: put its card {card_path(path).name} "
            "beside it."
        )
    card = {**inside, **card}
    card["model"] = model_name({**card, "config": config})
    settings = read_config(card["model"], config)
    model = build(settings, tensors, str(path), card["model"])
    if isinstance(model, Seq2Exp):
        card = {"variant": model.config.variant, **card}
    return model, {"title": path.stem, "config": settings.to_dict(), **card}


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
    """Return the models with a mask of those that `list_any` finds."""
    return [found for found in list_any(folder) if entry(model_name(found.card)).kind == "mask"]


def list_any(folder: str | PathLike[str]) -> list[ModelEntry]:
    """Return the models of a folder that have a card, by id; none where there is no folder.

    Raises
    ------
    InputError
        A card is damaged.
    """
    # By id: of file names, "demo-s2.safetensors" would come before "demo.safetensors".
    paths = sorted(Path(folder).glob(f"*{SUFFIX}"), key=lambda path: path.stem)
    return [
        ModelEntry(path.stem, path, read_card(card_path(path)))
        for path in paths
        if card_path(path).exists()
    ]


def build(
    config: ModelConfig | BaselineConfig,
    tensors: Mapping[str, Tensor],
    source: str,
    name: str = "",
) -> nn.Module:
    """Return the network of `config` with these tensors, in evaluation mode.

    Parameters
    ----------
    source : where the tensors come from, for messages.
    name : which system it is; default the one that such a configuration usually belongs to.

    Raises
    ------
    InputError
        Missing, additional or wrongly shaped tensors; names `source` and the first of them.
    """
    name = name or _usual_name(config)
    # What is drawn for a start is replaced below.
    with torch.random.fork_rng(devices=[]), torch.device(_where(config, tensors)):
        model = network(name, config)
    stored, state = _stored(model), model.state_dict()
    wanted = {key: state[key] for key in stored.values()}
    missing, extra = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if missing or extra:
        names, what = (missing, "lacks") if missing else (extra, "has the unknown")
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        raise InputError(
            f"{source} {what} tensor {names[0]}{more}; it is not a {_described(name, config)}."
        )
    for key, value in wanted.items():
        if tensors[key].shape != value.shape:
            raise InputError(
                f"{source}: tensor {key} is {list(tensors[key].shape)}, but this network needs "
                f"{list(value.shape)}."
            )
        if value.is_floating_point() and not tensors[key].is_floating_point():
            raise InputError(f"{source}: tensor {key} is {tensors[key].dtype}, not floating.")
    model.load_state_dict({key: tensors[own] for key, own in stored.items()})
    return model.eval()


def _where(config: ModelConfig | BaselineConfig, tensors: Mapping[str, Tensor]) -> str:
    """Return the device to build a network on before it is compared with its tensors.

    A wrong number in a configuration must not fill the memory. The device "meta" has no memory to
    fill, but its first use imports torch's compiler, which takes seconds: so only where a network
    would be larger than its tensors, which are refused then.
    """
    if not isinstance(config, ModelConfig):
        return "cpu"
    layers = config.generator_layers + config.predictor_layers
    least = layers * config.expand * config.width * max(config.width, config.state, config.conv)
    return "cpu" if least <= sum(tensor.numel() for tensor in tensors.values()) else "meta"


def _described(name: str, config: ModelConfig | BaselineConfig) -> str:
    """Return what network a configuration stands for, in words."""
    if isinstance(config, ModelConfig):
        layers = f"{config.generator_layers} + {config.predictor_layers}"
    else:
        layers = str(config.layers)
    return f"{entry(name).title} of width {config.width} with {layers} layers"
