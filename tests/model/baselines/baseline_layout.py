"""Baselines away from their starting values, their inputs, and their tensors as released."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from seq2exp.model.baselines import BaselineConfig, entry
from seq2exp.model.baselines.head import Baseline


def random_baseline(name: str, size: str = "tiny", seed: int = 0, **changes: int) -> Baseline:
    """A network in evaluation with every weight away from its starting value."""
    torch.manual_seed(seed)
    model = entry(name).build(BaselineConfig.of(name, size, **changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return model


def window(batch: int, length: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One-hot with some N, skewed signals, features, and peaks of a few hundred bases."""
    g = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 5, (batch, length), generator=g)
    one_hot = torch.nn.functional.one_hot(codes, 5)[..., :4].float()
    signals = torch.rand(batch, length, 3, generator=g) ** 3 * 4
    peaks = torch.rand(batch, -(-length // 150), generator=g) < 0.3
    peaks = peaks.repeat_interleave(150, 1)[:, :length]
    return one_hot, signals, torch.randn(batch, 9, generator=g), peaks


def released_state(model: Baseline, network: str) -> dict[str, Tensor]:
    """The tensors under their released names; the projections of `network` stand there twice."""
    state = {}
    for name, value in model.state_dict().items():
        inner = name.replace(f"{network}.", f"{network}.backbone.", 1)
        if ".mixer.in_proj" in name or ".mixer.out_proj" in name:
            for direction in ("mamba_fwd", "mamba_rev"):
                state[inner.replace(".mixer.", f".mixer.{direction}.")] = value
        else:
            state[inner] = value
    return state


def arrays(state: dict[str, Tensor]) -> dict[str, np.ndarray]:
    """The tensors as float64 numpy."""
    return {name: value.detach().double().numpy() for name, value in state.items()}


def reached(run: Callable[[Tensor], Tensor], x: Tensor) -> list[int]:
    """The positions of x [1, L, ...] that have a gradient from the sum of what `run` returns."""
    x = x.detach().clone().requires_grad_()
    (grad,) = torch.autograd.grad(run(x).sum(), x)
    return grad[0].flatten(1).abs().sum(1).nonzero().flatten().tolist()
