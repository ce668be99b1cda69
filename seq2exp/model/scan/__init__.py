"""The selective scan of Mamba: one function, several implementations, chosen in one place.

For every channel c and state n, with s_0 = 0::

    s_t[c, n] = exp(dt_t[c] · A[c, n]) · s_{t-1}[c, n] + dt_t[c] · x_t[c] · B_t[n]
    y_t[c]    = Σ_n C_t[n] · s_t[c, n] + D[c] · x_t[c]

An implementation is a module with ``available() -> bool`` and ``selective_scan(x, dt, A, B, C, D,
*, reverse)`` that is differentiable in the six tensors; it is imported only when it is asked for.
The table `_IMPLEMENTATIONS` says which there are and where each can run.
"""

import importlib
import logging
from functools import cache
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor

from seq2exp.errors import InputError
from seq2exp.model.scan import fused

logger = logging.getLogger(__name__)


class _Implementation(NamedTuple):
    module: str
    device: str | None = None  # the kind of device that it runs on; None: any
    mixed: bool = False  # takes x, dt, B and C in any floating dtypes; else all six in one


_IMPLEMENTATIONS = {
    "torch": _Implementation("seq2exp.model.scan.chunked"),
    "cpu": _Implementation("seq2exp.model.scan.cpu", "cpu"),
    "triton": _Implementation("seq2exp.model.scan.triton_scan", "cuda", mixed=True),
    "mamba_ssm": _Implementation("seq2exp.model.scan.mamba_ssm", "cuda", mixed=True),
}
_AUTO = {"cpu": "cpu", "cuda": "triton"}  # "torch" elsewhere, and where these are not available


def _module(name: str) -> ModuleType:
    return importlib.import_module(_IMPLEMENTATIONS[name].module)


def _available(name: str) -> bool:
    return bool(_module(name).available())


def implementations() -> dict[str, bool]:
    """Return every implementation's name and whether it can run on this machine.

    "torch" is pure PyTorch and always there; "cpu" is the C++ kernel, which needs a compiler;
    "triton" are GPU kernels, which need Triton; "mamba_ssm" is the package of that name.
    """
    return {name: _available(name) for name in _IMPLEMENTATIONS}


def resolve(implementation: str, device: torch.device | str) -> str:
    """Return the implementation that `implementation` means for tensors on `device`.

    "auto" is "cpu" for tensors in main memory and "triton" for those on a GPU, where these are
    available, else "torch". The first choice for each kind of device is logged.

    Raises
    ------
    ValueError
        Unknown name, or an implementation that cannot run here or on that device.
    """
    if implementation != "auto" and implementation not in _IMPLEMENTATIONS:
        names = ", ".join(["auto", *_IMPLEMENTATIONS])
        raise ValueError(f"unknown scan implementation {implementation!r}; use one of {names}")
    return _resolve(implementation, torch.device(device).type)


@cache
def _resolve(implementation: str, device_type: str) -> str:
    if implementation == "auto":
        name = _AUTO.get(device_type, "torch")
        name = name if _available(name) else "torch"
    else:
        name = implementation
        wanted = _IMPLEMENTATIONS[name].device
        if wanted not in (None, device_type):
            raise ValueError(
                f"scan implementation {name!r} cannot run on {device_type} tensors, only on "
                f"{wanted} tensors"
            )
        if not _available(name):
            raise ValueError(f"scan implementation {name!r} is not available on this machine")
    logger.info("selective scan on %s: %s", device_type, name)
    return name


def check(implementation: str, device: torch.device | str) -> None:
    """Refuse what `resolve` refuses, in words for whoever chose it.

    Raises
    ------
    InputError
        Unknown name, or an implementation that cannot run here or on that device.
    """
    try:
        resolve(implementation, device)
    except ValueError as error:
        said = str(error)
        raise InputError(f"{said[0].upper()}{said[1:]}; leave it out or use auto.") from error


def resolve_layer(device: torch.device | str, state: int, conv: int) -> str:
    """Return what runs a bidirectional float32 layer on `device`.

    "cpu-fused", the whole layer as one C++ kernel and its gradient as another, for layers of
    `state` states and `conv` taps that it supports where it is available; else what `resolve` says
    of "auto". The first choice is logged.
    """
    return _resolve_layer(torch.device(device).type, state, conv)


@cache
def _resolve_layer(device_type: str, state: int, conv: int) -> str:
    if device_type != "cpu":
        return _resolve("auto", device_type)
    if not fused.supports(state, conv):
        logger.warning(
            "no fused layer for %d states and %d taps (it takes up to %d and %d)",
            *(state, conv, fused.STATES, fused.TAPS),
        )
        return _resolve("auto", device_type)
    if not fused.available():
        return _resolve("auto", device_type)
    logger.info("layers on %s: cpu-fused", device_type)
    return "cpu-fused"


def selective_scan(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    *,
    reverse: bool = False,
    implementation: str = "auto",
) -> Tensor:
    """Run the selective scan from a zero state; differentiable in every tensor.

    Parameters
    ----------
    x, dt : Tensor [batch, length, channels]
        Input and step sizes; `dt` is already positive (after softplus).
    A : Tensor [channels, state]
        Negative decay rates.
    B, C : Tensor [batch, length, state]
        Input and output projections of each position.
    D : Tensor [channels]
        Skip connection.
    reverse : bool
        Scan from the last position to the first instead.
    implementation : str
        "auto", "torch", "cpu", "triton" or "mamba_ssm"; see `resolve`.

    Returns
    -------
    Tensor [batch, length, channels]
        In `x`'s dtype. The state itself is float32 (float64 where `x` is float64), under autocast
        too.
    """
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    if implementation == "auto" and work == torch.float64:
        implementation = "torch"  # the compiled kernels are float32
    name = resolve(implementation, x.device)
    scan = _module(name).selective_scan
    dtype = x.dtype
    A, D = A.to(work), D.to(work)
    if not _IMPLEMENTATIONS[name].mixed:
        x, dt, B, C = x.to(work), dt.to(work), B.to(work), C.to(work)
    with torch.autocast(x.device.type, enabled=False):
        return scan(x, dt, A, B, C, D, reverse=reverse).to(dtype)
