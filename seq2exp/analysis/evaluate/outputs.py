"""Running networks over the windows of a split, one by one, and keeping what they say.

The posteriors of hundreds of windows of 200,000 bp do not fit into memory beside everything else:
they are written into memory-mapped files and read back window by window.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor, nn

from seq2exp.analysis.results import title
from seq2exp.errors import InputError
from seq2exp.model.baselines.macs3 import PeakMasked
from seq2exp.model.beta import FLOOR, BetaPrior
from seq2exp.model.checkpoint import load_any, model_name, suggested_threshold
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.training.examples import Examples, Progress
from seq2exp.training.networks import run_network

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """A trained network with its card.

    Attributes
    ----------
    path : its safetensors.
    network, card : as `load_any` gives them.
    """

    path: Path
    network: nn.Module
    card: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> "Network":
        """Load a model onto the CPU.

        Raises
        ------
        InputError
            No model, or a card whose seed is not a number.
        """
        network, card = load_any(path)
        seed = card.get("seed")
        if seed is not None and not isinstance(seed, int):
            raise InputError(f"The card of {path} has the seed {seed!r}; make it a whole number.")
        return cls(path, network.eval().requires_grad_(False), card)

    @contextmanager
    def on(self, device: torch.device, scan: str = "auto") -> Iterator[None]:
        """Have the network on a device, run by a scan, and take it back afterwards.

        Raises
        ------
        InputError
            A scan that cannot run there.
        """
        self.network.to(device).use_scan(scan)  # type: ignore[operator]
        try:
            yield
        finally:
            self.network.cpu()

    @property
    def id(self) -> str:
        """The model's id: its file's name without the suffix."""
        return str(self.card.get("id") or self.path.stem)

    @property
    def model(self) -> str:
        """Which system it is, e.g. "seq2exp-soft"."""
        return model_name(self.card)

    @property
    def seed(self) -> int | None:
        """The seed it was trained with, where the card says so."""
        return self.card.get("seed")

    @property
    def window(self) -> int:
        """Bases of the windows it was made for."""
        config: Any = self.network.config
        return int(config.window)

    @property
    def has_mask(self) -> bool:
        """Whether it gives every base a mask of its own making."""
        return isinstance(self.network, Seq2Exp)

    @property
    def label(self) -> dict[str, Any]:
        """What names it in every table of results."""
        return {"model": self.model, "model_id": self.id, "seed": self.seed}

    @property
    def title(self) -> str:
        """What to call it in a sentence."""
        return f"{title(self.model)} ({self.id})"


@dataclass(frozen=True)
class Masks:
    """What a network with a mask says of every base of N windows of L bases, on disk.

    Attributes
    ----------
    folder : holds alpha.npy, beta.npy and kept.npy.
    length : L.
    """

    folder: Path
    length: int

    @cached_property
    def _arrays(self) -> dict[str, NDArray]:
        names = ("alpha", "beta", "kept")
        return {name: np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in names}

    def mean(self, window: int, prior: tuple[BetaPrior, BetaPrior] | None = None) -> Floats:
        """Return the posterior's mean of one window, [L], unedited.

        Parameters
        ----------
        prior : the prior of training and another one to tilt to, as `MaskPosterior.retilt` does.
        """
        alpha, beta = (np.asarray(self._arrays[name][window]) for name in ("alpha", "beta"))
        if prior is not None:
            own, other = prior
            alpha = np.maximum(alpha + np.float32(other.a - own.a), np.float32(FLOOR))
            beta = np.maximum(beta + np.float32(other.b - own.b), np.float32(FLOOR))
        return alpha / (alpha + beta)

    def kept(self, window: int) -> Floats:
        """Return the hard mask of one window, float32 [L] of 0 and 1: the promoter is open."""
        bits = np.unpackbits(np.asarray(self._arrays["kept"][window]), count=self.length)
        return bits.astype(np.float32)


@dataclass(frozen=True)
class Outputs:
    """What a network says about the N examples of a split.

    Attributes
    ----------
    window : bases around the TSS that it was given.
    predicted : float32 [N]; NaN where only masks were asked for.
    mask_ratio : float32 [N], Σ mask / L of each window, or of the peaks that stand for one; None
        without either.
    masks : None without a mask, or where they were not asked for.
    """

    window: int
    predicted: Floats
    mask_ratio: Floats | None
    masks: Masks | None


@torch.inference_mode()
def run(
    network: Network,
    examples: Examples,
    *,
    window: int | None = None,
    folder: Path | None = None,
    device: torch.device,
    stage: str,
    progress: Progress | None = None,
) -> Outputs:
    """Run a network over all examples, a window at a time.

    Parameters
    ----------
    window : central bases that it is given; default: those it was made for, if the examples have
        as many.
    folder : where masks go, a new folder; None: they are not kept.
    stage : what progress calls this.

    Raises
    ------
    InputError
        The network cannot take windows of this length, or gives no number.
    """
    length = min(network.window, examples.length) if window is None else window
    count = len(examples)
    predicted, ratios = np.full((2, count), np.nan, np.float32)
    writer = _writer(network, folder, count, length)
    for i in range(count):
        batch = examples.batch([i], length).to(device)
        out = run_network(network.network, batch)
        predicted[i] = out.prediction.float().item()
        if not np.isfinite(predicted[i]):
            raise InputError(
                f"{network.path} gives no finite expression for {examples.table[i].name}; its "
                "weights are damaged: convert or train it again."
            )
        mask = batch.peaks if isinstance(network.network, PeakMasked) else out.mask
        if mask is not None:
            ratios[i] = mask.float().mean().item()
        if writer is not None:
            assert out.mask is not None and out.alpha is not None and out.beta is not None
            writer.add(i, out.alpha, out.beta, out.mask)
        if progress:
            progress((i + 1) / count, f"{stage}: window {i + 1:,} of {count:,}")
    masks = None if writer is None else writer.masks()
    return Outputs(length, predicted, None if np.isnan(ratios).all() else ratios, masks)


@torch.inference_mode()
def run_masks(
    network: Network,
    examples: Examples,
    chosen: Sequence[int],
    *,
    folder: Path,
    device: torch.device,
    stage: str,
    progress: Progress | None = None,
) -> Masks:
    """Run the generator alone over some examples, whole windows, for the posterior's means.

    The masks of the other examples are not to be read.
    """
    assert isinstance(network.network, Seq2Exp)
    writer = _writer(network, folder, len(examples), examples.length)
    assert writer is not None
    for number, i in enumerate(chosen):
        batch = examples.batch([i]).to(device)
        found = network.network.posterior_parameters(batch.one_hot, batch.signals)
        writer.add(i, found.alpha, found.beta, found.alpha / (found.alpha + found.beta))
        if progress:
            done = number + 1
            progress(done / len(chosen), f"{stage}: window {done:,} of {len(chosen):,}")
    return writer.masks()


def _writer(network: Network, folder: Path | None, count: int, length: int) -> "_Writer | None":
    if folder is None or not isinstance(network.network, Seq2Exp):
        return None
    config = network.network.config.to_dict()
    return _Writer(folder, count, length, suggested_threshold({**network.card, "config": config}))


class _Writer:
    """Writes the masks of window after window."""

    def __init__(self, folder: Path, count: int, length: int, threshold: float) -> None:
        folder.mkdir(parents=True)
        self.folder, self.length, self.threshold = folder, length, np.float32(threshold)
        shapes = {
            "alpha": (np.float32, length),
            "beta": (np.float32, length),
            "kept": (np.uint8, -(-length // 8)),
        }
        self._open = {
            name: open_memmap(folder / f"{name}.npy", "w+", dtype, (count, width))
            for name, (dtype, width) in shapes.items()
        }

    def add(self, i: int, alpha: Tensor, beta: Tensor, mask: Tensor) -> None:
        """Write a window's posterior [1, L], and its mask by the network's hard rule if it has one.

        Where the mask is soft, the bases count that the app would start with: means from the
        card's threshold on, without the blacklist, and the promoter.
        """
        a, b, m = (part[0].float().cpu().numpy() for part in (alpha, beta, mask))
        self._open["alpha"][i], self._open["beta"][i] = a, b
        kept = np.where((m == 0) | (m == 1), m == 1, a / (a + b) >= self.threshold)
        self._open["kept"][i] = np.packbits(kept)

    def masks(self) -> Masks:
        """Return what was written."""
        for array in self._open.values():
            array.flush()
        return Masks(self.folder, self.length)
