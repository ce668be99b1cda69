"""What is run: networks with their first weights, random windows, a pass and a training step."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from seq2exp.bench.peers import PEERS, with_scan
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import FEATURES, Seq2Exp
from seq2exp.training.objective import (
    ADAM_BETAS,
    GRADIENT_CLIP,
    PEAK_LR,
    objective,
    parameter_groups,
)


class Windows(NamedTuple):
    """A batch of random windows, as `Seq2Exp` takes them, and their labels."""

    one_hot: Tensor  # [B, L, 4]
    signals: Tensor  # [B, L, 3]
    features: Tensor  # [B, 9]
    label: Tensor  # [B, 1]


def random_windows(length: int, batch: int, device: str) -> Windows:
    """Return a batch of random windows, the same for the same arguments."""
    generator = torch.Generator().manual_seed(length)
    bases = torch.randint(4, (batch, length), generator=generator)
    drawn = (
        torch.nn.functional.one_hot(bases, 4).float(),
        torch.rand(batch, length, 3, generator=generator),
        torch.randn(batch, FEATURES, generator=generator),
        torch.rand(batch, 1, generator=generator),
    )
    return Windows(*(value.to(device) for value in drawn))


def network(
    variant: Literal["soft", "hard"], size: str, length: int, device: str, scan: str = "auto"
) -> Seq2Exp:
    """Return a network with its first weights, always the same, for windows of `length`."""
    torch.manual_seed(2222)
    config: ModelConfig = getattr(ModelConfig, variant)(size, window=length)
    return with_scan(Seq2Exp(config).eval().to(device), scan)


@torch.no_grad()
def infer(model: Seq2Exp, windows: Windows) -> Tensor:
    """Run generator, mask and predictor; return the expression [B, 1]."""
    return model(windows.one_hot, windows.signals, windows.features).prediction


def training_step(model: Seq2Exp) -> Callable[[Windows], Tensor]:
    """Return what makes a step and returns its loss.

    A step is forward with a sampled mask, the objective, backward, clipping and AdamW.
    """
    model.train()
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=PEAK_LR, betas=ADAM_BETAS)

    def step(windows: Windows) -> Tensor:
        optimizer.zero_grad()
        out = model(windows.one_hot, windows.signals, windows.features)
        loss = objective(out, windows.label, model.config).total
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_CLIP)
        optimizer.step()
        return loss.detach()

    return step


def infer_alone(size: str, length: int, batch: int, device: str, scan: str) -> None:
    """Run one batch of windows in a process of its own, for its memory."""
    infer(network("soft", size, length, device, scan), random_windows(length, batch, device))


def train_alone(size: str, length: int, batch: int, device: str, scan: str) -> None:
    """Make one training step in a process of its own, for its memory."""
    step = training_step(network("soft", size, length, device, scan))
    step(random_windows(length, batch, device))


@torch.no_grad()
def run_mixer(peer: str, size: str, length: int, batch: int, device: str) -> None:
    """Run one layer of a peer, of one direction, in a process of its own, for its memory."""
    config = ModelConfig.soft(size)
    mixer = PEERS[peer].mixer(config).to(device)
    mixer(torch.randn(batch, length, config.width, device=device))
