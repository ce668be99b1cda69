"""The authors' checkpoints (PyTorch Lightning files) to safetensors, without running what they say.

A pickle can call any function when it is loaded. `read_checkpoint` therefore resolves no name by
importing it: tensors become records, a few plain containers become themselves, classes of other
libraries (OmegaConf, Lightning) become inert shells, and anything else is refused.
"""

import pickle
import re
import sys
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seq2exp.errors import InputError
from seq2exp.model.checkpoint import build, save_model
from seq2exp.model.config import ModelConfig

_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# Harmless to call with any argument, and needed for what surrounds the tensors.
_PLAIN = {
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): defaultdict,
    **{("builtins", kind.__name__): kind for kind in (dict, list, tuple, set, frozenset)},
    **{("builtins", kind.__name__): kind for kind in (int, float, bool, str, complex, object)},
}
# Of the standard library only these may appear at all, as shells: type hints and the like.
_SHELLS = {
    *("typing", "enum", "pathlib", "argparse", "datetime", "collections", "functools", "_codecs")
}
# The names of protocol 2, which PyTorch writes, are those of Python 2.
_RENAMED = {"unicode": "str", "long": "int"}
_REFUSED = (sys.stdlib_module_names - _SHELLS) | {"commands", "copy_reg"}

#: The released settings that a checkpoint's hyper-parameters may state, and ours.
_SETTINGS = {
    "beta_min": "beta_min",
    "prior_scale_factor": "prior_scale",
    "marginal_mean": "prior_mean",
    "marginal_scale": "prior_strength",
    "z_scale": "z_scale",
    "sample_threshold": "threshold",
    "kl_loss_weight": "kl_weight",
}


class StoredTensor(NamedTuple):
    """Where a tensor's numbers are in a checkpoint; they are read when they are needed."""

    storage: str
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Shell:
    """Stands for an object of a class that is never imported; it only holds what was stored."""

    def __new__(cls, *arguments: Any, **named: Any) -> "Shell":
        """Keep the arguments the class would have been called with."""
        shell = super().__new__(cls)
        shell.content = [*arguments, *named.values()]
        return shell

    content: list[Any]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Do nothing."""

    def __setstate__(self, state: Any) -> None:
        """Keep the state the object would have been given."""
        self.content.append(state)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Keep an item, where the class was a mapping."""
        self.content.append({key: value})

    def append(self, value: Any) -> None:
        """Keep an item, where the class was a list."""
        self.content.append(value)

    def extend(self, values: Any) -> None:
        """Keep items, where the class was a list."""
        self.content.extend(values)


class _Refused(pickle.UnpicklingError):
    """A name that no checkpoint of a model needs."""


class _Reader(pickle.Unpickler):
    """Reads data.pkl of a checkpoint; what a name stands for is decided here alone."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "__builtin__":
            module, name = "builtins", _RENAMED.get(name, name)
        if (module, name) in _PLAIN:
            return _PLAIN[module, name]
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
            return _rebuild_tensor if name == "_rebuild_tensor_v2" else _rebuild_parameter
        if module == "torch" and name == "Size":
            return tuple
        if module.split(".")[0] in _REFUSED:
            raise _Refused(f"{module}.{name}")
        return type(re.sub(r"\W", "_", name), (Shell,), {})

    def persistent_load(self, pid: Any) -> Any:
        kind, dtype, key, *_ = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError(f"an unknown kind of storage {kind!r}")
        return str(key), dtype


def _rebuild_tensor(
    storage: tuple[str, torch.dtype], offset: int, shape: Any, stride: Any, *_: Any
) -> StoredTensor:
    key, dtype = storage
    return StoredTensor(key, dtype, int(offset), tuple(map(int, shape)), tuple(map(int, stride)))


def _rebuild_parameter(data: StoredTensor, *_: Any) -> StoredTensor:
    return data


class Checkpoint(NamedTuple):
    """What is taken from a Lightning checkpoint: weights by name, and its plain settings."""

    tensors: dict[str, Tensor]
    settings: dict[str, float]
    step: int | None


def read_checkpoint(path: str | PathLike[str]) -> Checkpoint:
    """Read the weights and settings of a PyTorch (Lightning) checkpoint file.

    Raises
    ------
    InputError
        No such file; not a checkpoint, or one of PyTorch before 1.6 (not a zip file); truncated;
        without a state_dict; or with a name in it that no checkpoint needs. Nothing that the file
        names is imported or called in any of these cases.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no checkpoint {path}; check the path.")
    if not zipfile.is_zipfile(path):
        raise InputError(
            f"{path} is not a PyTorch checkpoint in the zip format; if it is one from before "
            "PyTorch 1.6, or truncated, save or download it again."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path)
    except InputError:
        raise
    except _Refused as error:
        raise InputError(
            f"{path} was refused: it asks to call {error}, which no model needs; do not trust it."
        ) from error
    except Exception as error:  # a pickle can fail in any way, and all mean the same
        raise InputError(
            f"{path} is not a checkpoint that can be read ({type(error).__name__}: {error})."
        ) from error


def _read(archive: zipfile.ZipFile, path: Path) -> Checkpoint:
    pickles = [name for name in archive.namelist() if re.fullmatch(r"[^/]+/data\.pkl", name)]
    if len(pickles) != 1:
        raise InputError(f"{path} is a zip file but not a PyTorch checkpoint; it has no data.pkl.")
    folder = pickles[0].removesuffix("data.pkl")
    if folder + "byteorder" in archive.namelist():
        order = archive.read(folder + "byteorder").decode()
        if order != sys.byteorder:
            raise InputError(f"{path} was written on a {order}-endian machine; save it anew.")
    with archive.open(pickles[0]) as file:
        root = _Reader(file).load()
    state = root.get("state_dict") if isinstance(root, dict) else None
    if not isinstance(state, dict) or not state:
        raise InputError(f"{path} has no state_dict; it is not a Lightning checkpoint.")
    tensors: dict[str, Tensor] = {}
    for name, stored in state.items():
        if not isinstance(name, str) or not isinstance(stored, StoredTensor):
            raise InputError(f"{path}: {name!r} in its state_dict is not a tensor.")
        tensors[name] = _tensor(archive, folder, stored)
    step = root.get("global_step")
    settings = _settings(root.get("hyper_parameters"))
    return Checkpoint(tensors, settings, step if isinstance(step, int) else None)


def _tensor(archive: zipfile.ZipFile, folder: str, stored: StoredTensor) -> Tensor:
    """Return a tensor's numbers; PyTorch checks that shape and stride stay inside the storage."""
    data = bytearray(archive.read(f"{folder}data/{stored.storage}"))
    flat = torch.frombuffer(data, dtype=stored.dtype) if data else torch.empty(0)
    return flat.as_strided(stored.shape, stored.stride, stored.offset).to(stored.dtype, copy=True)


def _settings(hyper_parameters: Any) -> dict[str, float]:
    """Return the released settings that are stated, each with one value only, under our names."""
    found: dict[str, set[float]] = {}
    for name, value in _items(hyper_parameters, set()):
        if isinstance(name, str) and name in _SETTINGS:
            found.setdefault(_SETTINGS[name], set()).update(_numbers(value))
    return {name: values.pop() for name, values in found.items() if len(values) == 1}


def _children(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield what a container or shell holds, every container once."""
    if isinstance(value, Shell | Mapping | list | tuple | set) and id(value) not in seen:
        seen.add(id(value))
        if isinstance(value, Shell):
            yield from value.content
        else:
            yield from value.values() if isinstance(value, Mapping) else value


def _items(value: Any, seen: set[int]) -> Iterator[tuple[Any, Any]]:
    """Yield every key and value of every mapping, at any depth."""
    if isinstance(value, Mapping) and id(value) not in seen:
        yield from value.items()
    for child in _children(value, seen):
        yield from _items(child, seen)


def _numbers(value: Any) -> Iterator[float]:
    """Yield the number that a setting is, plain or wrapped (OmegaConf's AnyNode keeps `_val`)."""
    inner = [value]
    if isinstance(value, Shell):
        inner = [state["_val"] for state in value.content if _has(state, "_val")]
    for number in inner:
        if isinstance(number, int | float) and not isinstance(number, bool):
            yield float(number)


def _has(state: Any, name: str) -> bool:
    return isinstance(state, Mapping) and name in state


# ---- Seq2Exp's own layout ------------------------------------------------------------------------


def read_released(
    path: str | PathLike[str], variant: str
) -> tuple[ModelConfig, dict[str, Tensor], Checkpoint]:
    """Read a released Seq2Exp checkpoint into this package's configuration and tensor names.

    Sizes come from the tensors; constants that no tensor holds come from the file's
    hyper-parameters where those state them, else from `variant`.

    Raises
    ------
    InputError
        As `read_checkpoint`; or the tensors are not those of a Seq2Exp of this variant: missing,
        wrongly shaped, or differing where the network has one tensor under two names.
    """
    makers = {"soft": ModelConfig.soft, "hard": ModelConfig.hard}
    if variant not in makers:
        raise InputError(f"Unknown variant {variant!r}; use soft or hard.")
    checkpoint = read_checkpoint(path)
    raw = {
        name.removeprefix("model.").replace(".backbone.", ".", 1): value
        for name, value in checkpoint.tensors.items()
    }
    if ("pos_emb" in raw) != (variant == "hard"):
        has = "a" if "pos_emb" in raw else "no"
        other = "hard" if variant == "soft" else "soft"
        raise InputError(
            f"{path} has {has} position embedding, so it is not a Seq2Exp-{variant}; try "
            f"--variant {other}."
        )
    if variant == "hard":
        _drop_twin(raw, "encoder.", "generator.", path)
    for layer in sorted({m[1] for m in map(_LAYER.match, raw) if m}):
        for projection in ("in_proj.weight", "out_proj.weight"):
            _tie(raw, f"{layer}mixer.", projection, path)
    described: dict[str, Any] = {**_sizes(raw, path), **checkpoint.settings}
    config = makers[variant](**described)
    build(config, raw, str(path))
    return config, raw, checkpoint


_LAYER = re.compile(r"((?:generator|encoder)\.layers\.\d+\.)")


def _sizes(tensors: Mapping[str, Tensor], path: str | PathLike[str]) -> dict[str, Any]:
    """Return the sizes that the tensors' shapes imply; `build` checks all shapes against them."""
    try:
        inner, state = tensors["generator.layers.0.mixer.mamba_fwd.A_log"].shape
        conv = tensors["generator.layers.0.mixer.mamba_fwd.conv1d.weight"].shape[2]
        width = tensors["seq_input_layer.weight"].shape[0]
        sizes = {"width": width, "state": state, "conv": conv, "expand": inner // width}
        if "pos_emb" in tensors:
            sizes["window"] = tensors["pos_emb"].shape[1]
    except KeyError as error:
        raise InputError(f"{path} lacks tensor {error}; it is not a Seq2Exp checkpoint.") from None
    except (ValueError, IndexError, ZeroDivisionError):
        raise InputError(
            f"{path}: the shapes of its first layer are not those of a Seq2Exp network."
        ) from None
    layers = {
        network: len({m[1] for m in map(_LAYER.match, tensors) if m and m[1].startswith(network)})
        for network in ("generator", "encoder")
    }
    sizes["generator_layers"] = layers["generator"]
    sizes["predictor_layers"] = layers["encoder"] or layers["generator"]
    return sizes


def _drop_twin(tensors: dict[str, Tensor], twin: str, of: str, path: str | PathLike[str]) -> None:
    """Remove the tensors under prefix `twin`, which must repeat those under `of`."""
    names = {name.removeprefix(of) for name in tensors if name.startswith(of)}
    twins = {name.removeprefix(twin) for name in tensors if name.startswith(twin)}
    for name in sorted(names ^ twins):
        where = of if name in twins else twin
        raise InputError(f"{path} lacks tensor {where}{name}; a Seq2Exp-hard has it twice.")
    for name in sorted(twins):
        if not torch.equal(tensors.pop(twin + name), tensors[of + name]):
            raise InputError(
                f"{path}: {twin}{name} differs from {of}{name}, but a Seq2Exp-hard has one "
                "network for both."
            )


def _tie(
    tensors: dict[str, Tensor], mixer: str, projection: str, path: str | PathLike[str]
) -> None:
    """Replace a projection stored for both directions by the one tensor it is."""
    try:
        forward = tensors.pop(f"{mixer}mamba_fwd.{projection}")
        reverse = tensors.pop(f"{mixer}mamba_rev.{projection}")
    except KeyError as error:
        raise InputError(f"{path} lacks tensor {error}; it is not a Seq2Exp checkpoint.") from None
    if not torch.equal(forward, reverse):
        raise InputError(
            f"{path}: {mixer}mamba_rev.{projection} differs from mamba_fwd's, but Seq2Exp's "
            "directions share it."
        )
    tensors[mixer + projection] = forward


def convert_released(
    ckpt_path: str | PathLike[str], variant: str, out_path: str | PathLike[str]
) -> Path:
    """Write a released checkpoint as this package's model file with its card; return its path."""
    config, tensors, checkpoint = read_released(ckpt_path, variant)
    name, out = Path(ckpt_path).name, Path(out_path)
    stated = ", ".join(sorted(checkpoint.settings)) or "none"
    card: dict[str, Any] = {
        "title": f"Seq2Exp-{variant} (released, {name})",
        "dataset": {"name": "the authors' data set", "digest": None, "simulated": False},
        "cells": [],
        "metrics": {},
        "command": f"seq2exp convert {name} --variant {variant} -o {out.name}",
        "seed": None,
        "trained_steps": checkpoint.step,
        "summary": (
            f"Converted from the authors' checkpoint {name}. Settings read from the file: "
            f"{stated}; the others are those of the released command. Its cell type and scores are "
            "not stated in the file."
        ),
        "versions": {},
    }
    save_model(out, build(config, tensors, str(ckpt_path)), card)
    return out
