"""Enformer (Avsec et al. 2021) from scratch, as the package enformer-pytorch has it; no signals.

The package is an extra; it is imported when the network is made.
"""

import importlib
import math
from types import ModuleType

from torch import Tensor

from seq2exp.errors import InputError
from seq2exp.model.baselines.config import BaselineConfig
from seq2exp.model.baselines.head import Baseline

LONGEST = 196_608
"""Bases of Enformer's own window; of a longer one it reads the centre."""

_BIN = 128  # bases a position of the trunk's output stands for


def _package() -> ModuleType:
    try:
        return importlib.import_module("enformer_pytorch")
    except ImportError as error:
        raise InputError(
            f"Baseline enformer needs the package enformer-pytorch ({error}); install it with "
            "pip install 'seq2exp[baselines]'."
        ) from error


def kept_bins(bins: int) -> int:
    """Return how many central bins of the trunk's `bins` are kept: 896 of Enformer's own 1,536."""
    return bins - 2 * (bins * 5 // 24)


class Enformer(Baseline):
    """Trunk, mean over all the bins it keeps, head.

    The published run also carried the package's heads for human and mouse tracks, 21 million
    parameters that its loss never reached; they are left out.
    """

    def __init__(self, config: BaselineConfig) -> None:
        width, heads = config.width, config.heads
        assert heads is not None
        if width // heads % 6:  # it has six kinds of position features
            raise InputError(
                f"Baseline enformer's width {width} over its {heads} heads must be divisible by 6."
            )
        package = _package()
        super().__init__(config, 2 * width)
        self.enformer = package.Enformer.from_hparams(
            dim=width,
            depth=config.layers,
            heads=heads,
            dim_divisible_by=math.gcd(128, width // 6),
            output_heads={},
        )

    def embed(self, one_hot: Tensor, signals: Tensor, peaks: Tensor | None) -> Tensor:
        """Return the mean of the trunk's bins, [B, 2 d]."""
        length = one_hot.shape[1]
        bins = min(length, LONGEST) // _BIN
        start = (length - bins * _BIN) // 2
        return self.enformer(
            one_hot[:, start : start + bins * _BIN],  # N is all zero there, too
            return_only_embeddings=True,
            target_length=kept_bins(bins),
        ).mean(1)  # [B, kept bins, 2 d] → [B, 2 d]
