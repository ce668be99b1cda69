"""Every system of the paper's tables by its name: what it is, its configuration, its network.

PyTorch is imported when a network is made, so that a command line can list the names at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from seq2exp.errors import InputError, nearest
from seq2exp.genome.window import PROMOTER, WINDOW
from seq2exp.model.baselines import BASELINES, PublishedTraining
from seq2exp.model.baselines import entry as baseline_entry
from seq2exp.model.baselines.config import BaselineConfig

if TYPE_CHECKING:
    from torch import nn

    from seq2exp.model.config import ModelConfig


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One system.

    Attributes
    ----------
    title : what to call it on screen.
    kind : "mask" where it has a mask over the window that the app can show, else "baseline".
    needs_peaks : whether it reads the MACS3 peaks.
    training : how the published one was trained.
    window : bases that its network reads unless told otherwise.
    small_window : the same below the paper's size; None: no other.
    network : which of `BASELINES` it is; "" for those with a mask.
    """

    title: str
    kind: Literal["mask", "baseline"]
    needs_peaks: bool = False
    training: PublishedTraining = field(default_factory=PublishedTraining)
    window: int = WINDOW
    small_window: int | None = None
    network: str = ""


_SEQ2EXP = PublishedTraining(batch_size=8)


def _mask(title: str) -> Entry:
    return Entry(title=title, kind="mask", training=_SEQ2EXP)


#: HyenaDNA's filters and Enformer's position features are stretched to the window that the network
#: is made for: trained on shorter ones, it would be tested at distances that it has never seen. A
#: training step on whole windows takes both about 15 times as long as it takes the others on the
#: bases that they train on. So at the smaller sizes their networks are made for this window, of
#: longer ones they read the centre, and it is what they are trained and tested on.
SMALL_WINDOW = 16_384


def _baseline(
    name: str, title: str = "", window: int = WINDOW, small_window: int | None = None
) -> Entry:
    known = BASELINES[name]
    return Entry(
        title=title or known.title,
        kind="baseline",
        needs_peaks=known.peaks,
        training=known.training,
        window=window,
        small_window=small_window,
        network=name,
    )


#: The systems by name, in the order of the tables.
NAMES: dict[str, Entry] = {
    "seq2exp-soft": _mask("Seq2Exp-soft"),
    "seq2exp-hard": _mask("Seq2Exp-hard"),
    "seq2exp-retrain": _mask("Seq2Exp-retrain"),
    "seq2exp-coupled": _mask("Seq2Exp-coupled"),
    "macs3": _baseline("macs3"),
    "enformer": _baseline("enformer", small_window=SMALL_WINDOW),
    "hyenadna": _baseline("hyenadna", small_window=SMALL_WINDOW),
    "mamba": _baseline("mamba"),
    "caduceus": _baseline("caduceus"),
    "caduceus-signals": _baseline("caduceus-signals"),
    "epinformer": _baseline("epinformer"),
    "caduceus-signals-2kb": _baseline(
        "caduceus-signals", "Caduceus with signals on 2 kb", window=PROMOTER
    ),
}


def entry(name: str) -> Entry:
    """Return a system's entry.

    Raises
    ------
    InputError
        Unknown name; the nearest known one is in the message.
    """
    if name not in NAMES:
        raise InputError(f"Unknown model {name!r}; {nearest(name, NAMES)}")
    return NAMES[name]


def configure(
    name: str,
    size: str = "paper",
    switches: Mapping[str, Any] | None = None,
    window: int | None = None,
) -> "ModelConfig | BaselineConfig":
    """Return a system's configuration.

    Parameters
    ----------
    name : a key of `NAMES`.
    size : "paper" as published, "demo" or "tiny".
    switches : settings by name that differ from it.
    window : bases of the windows it is for; default the entry's.

    Raises
    ------
    InputError
        Unknown name, size or setting, or values that no network can have.
    """
    known = entry(name)
    usual_window = known.window if size == "paper" else known.small_window or known.window
    changes = {"window": usual_window if window is None else window, **(switches or {})}
    if known.kind == "baseline":
        usual = BaselineConfig.of(known.network, size)
        return BaselineConfig.from_dict({**usual.to_dict(), **changes})
    from seq2exp.model.config import ModelConfig

    makers = {
        "seq2exp-soft": ModelConfig.soft,
        "seq2exp-hard": ModelConfig.hard,
        "seq2exp-retrain": ModelConfig.soft,
        "seq2exp-coupled": ModelConfig.coupled,
    }
    return ModelConfig.from_dict({**makers[name](size).to_dict(), **changes})


def read_config(name: str, values: Mapping[str, Any]) -> "ModelConfig | BaselineConfig":
    """Return the configuration of a system that its `to_dict` described."""
    if entry(name).kind == "baseline":
        return BaselineConfig.from_dict(values)
    from seq2exp.model.config import ModelConfig

    return ModelConfig.from_dict(values)


def network(name: str, config: "ModelConfig | BaselineConfig") -> "nn.Module":
    """Return a system's network of a configuration, with fresh weights.

    Raises
    ------
    InputError
        The configuration does not fit the network, or the package it needs is missing.
    """
    if isinstance(config, BaselineConfig):
        return baseline_entry(config.name).build(config)
    from seq2exp.model.retrain import Retrained
    from seq2exp.model.seq2exp import Seq2Exp

    return Retrained(config) if name == "seq2exp-retrain" else Seq2Exp(config)


def make(
    name: str,
    size: str = "paper",
    switches: Mapping[str, Any] | None = None,
    window: int | None = None,
) -> "nn.Module":
    """Return a system's network with fresh weights; parameters and errors as in `configure`."""
    return network(name, configure(name, size, switches, window))
