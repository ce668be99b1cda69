"""What the baselines share: their inputs, the pooling of the promoter, the expression head.

Shapes: B batch, L window length, p width of the pooled embedding.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from seq2exp.errors import InputError
from seq2exp.genome.window import FEATURES, SIGNALS
from seq2exp.model.baselines.config import BaselineConfig
from seq2exp.model.scan import check

# The ids of Caduceus' character tokenizer, which the token models were given.
VOCABULARY = 12
_FIRST_BASE, _N = 7, 11

# Above this many bytes kept for the gradient, layers keep their inputs alone and run again.
_RECOMPUTE_BYTES = 1.5e9


@runtime_checkable
class _Scanning(Protocol):
    scan: str


class Baseline(nn.Module):
    """A network that predicts expression from a window, without learning a mask.

    A subclass makes the pooled embedding of a window in `embed`; the head reads it together with
    the RNA and promoter features.

    Attributes
    ----------
    config
        What the network was made from.
    needs_peaks
        Whether the network reads the peak track.
    """

    needs_peaks = False

    def __init__(self, config: BaselineConfig, pooled: int) -> None:
        super().__init__()
        self.config = config
        hidden = config.hidden
        self.pToExpr = nn.Sequential(
            nn.Linear(pooled + len(FEATURES), hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(
        self, one_hot: Tensor, signals: Tensor, features: Tensor, peaks: Tensor | None = None
    ) -> Tensor:
        """Return log10(expression + 1), float32 [B, 1].

        Parameters
        ----------
        one_hot : float32 Tensor [B, L, 4]
            A, C, G, T; N is all zero. L is even, at least the promoter's length, and the TSS is at
            L / 2.
        signals : float32 Tensor [B, L, 3]
            H3K27ac, DNase, log10(1 + Hi-C contact with the TSS).
        features : float32 Tensor [B, 9]
        peaks : bool Tensor [B, L] or None
            Where the MACS3 peaks are, for the networks that read them.

        Raises
        ------
        InputError
            A window of a length that does not fit, or no peaks where they are needed.
        """
        length = one_hot.shape[1]
        if length % 2 or length < self.config.promoter:
            raise InputError(
                f"A window of {length:,} bp does not fit baseline {self.config.name}; use an even "
                f"length of at least {self.config.promoter:,} bp."
            )
        if signals.shape != (*one_hot.shape[:2], len(SIGNALS)):
            raise ValueError(f"signals {tuple(signals.shape)} beside {tuple(one_hot.shape)}")
        if not self.needs_peaks:
            peaks = None
        elif peaks is None:
            raise InputError(
                f"Baseline {self.config.name} reads the peak track, and there is none; give one."
            )
        elif peaks.shape != one_hot.shape[:2]:
            raise ValueError(f"peaks {tuple(peaks.shape)} beside {tuple(one_hot.shape)}")
        pooled = self.embed(one_hot, signals, peaks)
        return self.pToExpr(torch.cat([pooled, features.to(pooled.dtype)], 1)).float()

    def embed(self, one_hot: Tensor, signals: Tensor, peaks: Tensor | None) -> Tensor:
        """Return the pooled embedding [B, p]; `peaks` is there exactly where it is needed."""
        raise NotImplementedError

    def promoter(self, length: int) -> slice:
        """Return where the promoter stands in a window of `length` bases."""
        half = self.config.promoter // 2
        return slice(length // 2 - half, length // 2 + half)

    def optimiser_settings(self) -> dict[str, dict[str, float]]:
        """Return the parameters that AdamW treats apart: name → its learning rate and decay."""
        return {}

    def use_scan(self, name: str) -> None:
        """Let the network's selective scans, if there are any, run by the one of that name.

        Raises
        ------
        InputError
            The scan of that name cannot run where the network is.
        """
        check(name, next(self.parameters()).device)
        for module in self.modules():
            if isinstance(module, _Scanning):
                module.scan = name


def zero_biases(module: nn.Module) -> None:
    """Set the biases of all Linear layers to zero, but for those of Mamba's step sizes."""
    for name, part in module.named_modules():
        if isinstance(part, nn.Linear) and part.bias is not None and "dt_proj" not in name:
            nn.init.zeros_(part.bias)


def character_ids(one_hot: Tensor) -> Tensor:
    """Return the ids of Caduceus' character tokenizer: A 7, C 8, G 9, T 10, N 11.

    Parameters
    ----------
    one_hot : Tensor [B, L, 4]

    Returns
    -------
    int64 Tensor [B, L]
    """
    return torch.where(one_hot.any(-1), _FIRST_BASE + one_hot.argmax(-1), _N)


def recomputes(x: Tensor, tensors: int, layers: int) -> bool:
    """Say whether to keep the layers' inputs alone for the gradient and run the layers again.

    Parameters
    ----------
    x : Tensor [B, L, d]
        A layer's input.
    tensors : int
        How many tensors of the size of `x` a layer keeps.
    layers : int
    """
    return torch.is_grad_enabled() and 4 * tensors * x.numel() * layers > _RECOMPUTE_BYTES
