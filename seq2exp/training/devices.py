"""On which devices a run goes, and which of its processes this is."""

import os
from dataclasses import dataclass

import lightning.pytorch as pl
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from seq2exp.errors import InputError


@dataclass(frozen=True)
class Devices:
    """As Lightning's Trainer has them.

    Attributes
    ----------
    accelerator : "auto", "cpu", "gpu", …
    devices : how many, or which ("1," is the second one).
    strategy : "auto" (DDP where there are several), or one by its name. Each process runs the whole
        command line, so strategies that fork or spawn are refused.
    precision : e.g. "32-true" or "bf16-mixed"; None: float32, and on a GPU the system's own.
    """

    accelerator: str = "auto"
    devices: int | str = 1
    strategy: str = "auto"
    precision: str | None = None

    def __post_init__(self) -> None:
        """Refuse what training cannot run on."""
        if any(word in self.strategy for word in ("spawn", "fork", "notebook")):
            raise InputError(
                f"The strategy {self.strategy} does not fit: every process has to run the command "
                "itself; use ddp."
            )
        if "TORCHELASTIC_RUN_ID" in os.environ:
            raise InputError(
                "Run seq2exp train by itself, not under torchrun: with --devices it starts the "
                "processes."
            )

    def trainer(self, gpu_precision: str, **settings: object) -> pl.Trainer:
        """Return a Trainer.

        Raises
        ------
        InputError
            There are no such devices.
        """
        cuda = self.accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available()
        precision = self.precision or (gpu_precision if cuda else "32-true")
        try:
            return pl.Trainer(
                accelerator=self.accelerator,
                devices=self.devices,
                strategy=self.strategy,
                precision=precision,  # type: ignore[arg-type]
                plugins=[LightningEnvironment()],
                use_distributed_sampler=False,
                **settings,  # type: ignore[arg-type]
            )
        # Lightning raises TypeError for devices in words that mean none, ImportError for a kind
        # of accelerator or strategy whose package is missing.
        except (
            *(TypeError, ValueError, RuntimeError, ImportError),
            MisconfigurationException,
        ) as error:
            raise InputError(
                f"There is no training on accelerator {self.accelerator}, devices {self.devices}, "
                f"strategy {self.strategy}, precision {precision} here: {error}"
            ) from None

    def place(self) -> tuple[int, torch.device]:
        """Return how many processes train together, and where this one does.

        The errors are those of `trainer`.
        """
        quiet = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
        trainer = self.trainer("32-true", **quiet, enable_progress_bar=False)
        return trainer.world_size, trainer.strategy.root_device


def is_first() -> bool:
    """Say whether this process is the one that writes files."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def gathered(values: torch.Tensor) -> torch.Tensor:
    """Return what every process has, [ranks, ...], of equally large values [...]."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return values.unsqueeze(0)
    parts = [torch.empty_like(values) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(parts, values.contiguous())
    return torch.stack(parts)


def disband() -> None:
    """Leave the group of processes; each goes on alone."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
