"""The numbers that define a baseline network: which one, how large, for which window."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from seq2exp.errors import InputError, nearest
from seq2exp.genome.window import PROMOTER, WINDOW
from seq2exp.model.kinds import check_kinds

_LAYERED = {
    "paper": {"width": 128, "layers": 4, "hidden": 128},
    "demo": {"width": 16, "layers": 2, "hidden": 16},
    "tiny": {"width": 8, "layers": 1, "hidden": 8},
}

#: Name of the baseline → name of the size → the size's numbers.
SIZES: dict[str, dict[str, dict[str, int]]] = {
    "enformer": {
        "paper": {"width": 1536, "layers": 11, "hidden": 128, "heads": 8},
        "demo": {"width": 96, "layers": 2, "hidden": 32, "heads": 4},
        "tiny": {"width": 24, "layers": 1, "hidden": 8, "heads": 2},
    },
    "hyenadna": _LAYERED,
    "mamba": _LAYERED,
    "caduceus": _LAYERED,
    "caduceus-signals": _LAYERED,
    "epinformer": {
        "paper": {"width": 64, "layers": 3, "hidden": 128, "heads": 4},
        "demo": {"width": 32, "layers": 2, "hidden": 32, "heads": 4},
        "tiny": {"width": 8, "layers": 1, "hidden": 8, "heads": 4},
    },
    "macs3": _LAYERED,
}


@dataclass(frozen=True, kw_only=True)
class BaselineConfig:
    """A baseline network's definition; `of` gives the published ones and smaller ones.

    Attributes
    ----------
    name
        Which baseline, a key of `SIZES`.
    width, layers
        Model width, and how many layers (of Mamba, Hyena or attention) there are.
    hidden
        Width of the expression head's two hidden layers.
    heads
        Attention heads, for the baselines that have attention.
    window, promoter
        Bases in a window, and in its central part that is pooled.
    """

    name: str
    width: int
    layers: int
    hidden: int = 128
    heads: int | None = None
    window: int = WINDOW
    promoter: int = PROMOTER

    def __post_init__(self) -> None:
        """Refuse values that no network can have."""
        check_kinds(self, "Baseline setting")
        if self.name not in SIZES:
            raise InputError(f"Unknown baseline {self.name!r}; {nearest(self.name, SIZES)}")
        for name in ("width", "layers", "hidden", "window", "promoter"):
            if not (value := getattr(self, name)) > 0:
                raise InputError(f"Baseline setting {name} is {value!r}; it must be above 0.")
        attends = "heads" in SIZES[self.name]["paper"]
        if attends and (not self.heads or self.heads < 0 or self.width % self.heads):
            raise InputError(
                f"Baseline setting heads is {self.heads!r}; it must divide the width {self.width}."
            )
        if not attends and self.heads is not None:
            raise InputError(f"Baseline {self.name} has no attention; leave the setting heads out.")
        if self.promoter > self.window or self.promoter % 2 or self.window % 2:
            raise InputError(
                f"Baseline settings window {self.window} and promoter {self.promoter} must be "
                "even, the promoter no longer than the window."
            )

    @classmethod
    def of(cls, name: str, size: str = "paper", **changes: Any) -> "BaselineConfig":
        """Return a baseline at a size of `SIZES` ("paper" is as published), with changes by name.

        Raises
        ------
        InputError
            An unknown baseline or size, or values that no network can have.
        """
        if name not in SIZES:
            raise InputError(f"Unknown baseline {name!r}; {nearest(name, SIZES)}")
        if size not in SIZES[name]:
            raise InputError(f"Unknown baseline size {size!r}; {nearest(size, SIZES[name])}")
        return cls(**{"name": name, **SIZES[name][size], **changes})

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, every setting by its name."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "BaselineConfig":
        """Return the configuration that `to_dict` described.

        Raises
        ------
        InputError
            An unknown setting or baseline (the nearest known one is named), one that is missing,
            or a value of the wrong kind.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise InputError(f"Unknown baseline setting {name!r}; {nearest(name, known)}")
        for name in ("name", "width", "layers"):
            if name not in values:
                raise InputError(f"The baseline's settings lack {name!r}; add it.")
        return cls(**values)
