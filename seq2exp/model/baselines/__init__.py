"""The networks that the paper compares Seq2Exp with, as data: what each is, reads and needs.

A further baseline is a `Baseline` in a module of its own, its sizes in `config.SIZES` and a line in
`BASELINES`. The networks' modules, and PyTorch with them, are imported when one is built.
"""

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seq2exp.errors import InputError, nearest
from seq2exp.genome.window import WINDOW
from seq2exp.model.baselines.config import BaselineConfig

if TYPE_CHECKING:
    from seq2exp.model.baselines.head import Baseline

__all__ = ["BASELINES", "BaselineConfig", "BaselineEntry", "PublishedTraining", "build", "entry"]


@dataclass(frozen=True, kw_only=True)
class PublishedTraining:
    """How a baseline was trained; the defaults are Seq2Exp's own settings but for the batch size.

    Attributes
    ----------
    batch_size : windows in a step.
    steps, epochs : length of the run, one of the two.
    lr, lr_start, lr_floor : rate at the end of the warm-up, at step 0, and at the end.
    warm_up : share of the steps that the warm-up takes.
    precision : of the mixed precision.
    """

    batch_size: int = 16
    steps: int | None = 50_000
    epochs: int | None = None
    lr: float = 5e-4
    lr_start: float = 1e-5
    lr_floor: float = 1e-4
    warm_up: float = 0.1
    precision: str = "bf16"


@dataclass(frozen=True, kw_only=True)
class BaselineEntry:
    """One baseline.

    Attributes
    ----------
    title : what to call it on screen.
    network : where its class is, "module:class" within this package.
    signals, peaks : whether it reads the signals and the peak track beside the sequence.
    window : bases that the published network read around the TSS.
    training : how the published network was trained.
    extra : the extra of this package that it needs.
    """

    title: str
    network: str
    signals: bool = False
    peaks: bool = False
    window: int = WINDOW
    training: PublishedTraining = field(default_factory=PublishedTraining)
    extra: str | None = None

    def build(self, config: BaselineConfig) -> "Baseline":
        """Return the network of a configuration, with fresh weights.

        Raises
        ------
        InputError
            The configuration does not fit the network, or the package it needs is missing.
        """
        module, _, name = self.network.partition(":")
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)(config)


#: The baselines in the order of the paper's tables.
BASELINES: dict[str, BaselineEntry] = {
    "enformer": BaselineEntry(
        title="Enformer",
        network="enformer:Enformer",
        window=196_608,
        training=PublishedTraining(
            batch_size=4, steps=200_000, lr=7e-6, lr_start=0, lr_floor=7e-6, warm_up=0.25
        ),
        extra="baselines",
    ),
    "hyenadna": BaselineEntry(
        title="HyenaDNA", network="hyena:HyenaDNA", training=PublishedTraining(batch_size=8)
    ),
    "mamba": BaselineEntry(title="Mamba", network="unidirectional:UnidirectionalMamba"),
    "caduceus": BaselineEntry(title="Caduceus", network="caduceus:Caduceus"),
    "caduceus-signals": BaselineEntry(
        title="Caduceus with signals", network="caduceus:Caduceus", signals=True
    ),
    "epinformer": BaselineEntry(
        title="EPInformer",
        network="epinformer:EPInformer",
        signals=True,
        peaks=True,
        training=PublishedTraining(
            steps=None, epochs=20, lr_start=5e-4, lr_floor=5e-4, warm_up=0, precision="fp16"
        ),
    ),
    "macs3": BaselineEntry(
        title="MACS3 peaks as the mask",
        network="macs3:PeakMasked",
        signals=True,
        peaks=True,
        training=PublishedTraining(batch_size=8),  # not published; as Seq2Exp's
    ),
}


def entry(name: str) -> BaselineEntry:
    """Return a baseline's entry.

    Raises
    ------
    InputError
        Unknown name; the nearest known one is in the message.
    """
    if name not in BASELINES:
        raise InputError(f"Unknown baseline {name!r}; {nearest(name, BASELINES)}")
    return BASELINES[name]


def build(name: str, size: str = "paper", window: int = WINDOW) -> "Baseline":
    """Return a baseline network with fresh weights.

    Parameters
    ----------
    name : a key of `BASELINES`.
    size : "paper" as published, "demo" for minutes on a laptop, "tiny" for tests.
    window : bases of the windows it is for.

    Raises
    ------
    InputError
        Unknown name or size, an impossible window, or a package that is missing.
    """
    return entry(name).build(BaselineConfig.of(name, size, window=window))
