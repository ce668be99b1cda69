"""How long and on what each system is trained unless told otherwise."""

from dataclasses import dataclass, replace

from seq2exp.errors import InputError
from seq2exp.model.config import SIZES
from seq2exp.model.registry import entry
from seq2exp.training.compaction import BACKGROUND
from seq2exp.training.objective import PEAK_LR, WARM_UP


@dataclass(frozen=True)
class TrainingPreset:
    """Settings of a run.

    Attributes
    ----------
    steps, batch_size
        Optimisation steps of the first phase, and windows in each.
    epochs
        Where it is given, `steps` is how many steps so many passes over the examples take.
    window
        Its central bases to train on; None: the network's whole window.
    compact, background
        The first phase's windows are cut down to so many bases, of which this share is drawn at
        random (`seq2exp.training.compaction`); None: they are not. Wishes for a window or for
        another compaction go before it.
    lr
        Peak learning rate.
    start, floor
        What the rate starts from and ends at, as shares of its peak; None: the published ones.
    warm_up
        Share of the steps that the warm-up takes.
    precision
        On a GPU.
    validate_every
        Steps between validations; None: a twentieth of the steps.
    finetune_steps, finetune_window, finetune_batch_size, finetune_lr
        The second phase, on longer windows; no steps: none. Its peak rate: None: a fifth.
    finetune_mask
        Whether the second phase moves the mask: single windows of 200,000 bp, all that memory and
        time allow on a processor, are too noisy for that.
    calibrate
        Whole training windows on which slope and level of the trained network's predictions are
        set (`seq2exp.training.networks.calibrate`); 0: they are not.
    judge
        Held-out windows of a split that are looked at whole, evenly spread; None: all.
    """

    steps: int = 50_000
    batch_size: int = 8
    epochs: int | None = None
    window: int | None = None
    compact: int | None = None
    background: float = BACKGROUND
    lr: float = PEAK_LR
    start: float | None = None
    floor: float | None = None
    warm_up: float = WARM_UP
    precision: str = "bf16-mixed"
    validate_every: int | None = None
    finetune_steps: int = 0
    finetune_window: int | None = None
    finetune_batch_size: int = 1
    finetune_lr: float | None = None
    finetune_mask: bool = True
    calibrate: int = 0
    judge: int | None = None


#: "paper" is as published; "demo" takes minutes on two cores and made the shipped model.
TRAINING_PRESETS = {
    "paper": TrainingPreset(),
    "demo": TrainingPreset(
        steps=640,
        compact=8_192,
        background=0.2,
        lr=5e-3,
        validate_every=160,
        finetune_steps=60,
        finetune_lr=2e-3,
        finetune_mask=False,
        calibrate=48,
        judge=48,
    ),
    "tiny": TrainingPreset(steps=100, window=4_096, lr=4e-3),
}

#: Peak rates of the smaller sizes for what does not bear the usual one.
SMALL_LR = {"enformer": 5e-4}

#: Systems that see the sequence alone. Which bases a compaction keeps would tell them where the
#: chromatin is open, in training only; they get as many bases from the windows' centres instead.
CROPPED = ("mamba", "caduceus")

#: Systems for which a base's distance to the TSS counts, so that neither a compaction nor a window
#: shorter than the network's own fits. EPInformer reads distances, and cuts its elements out of
#: windows of any length at the same cost. HyenaDNA's filters and Enformer's position features are
#: stretched to the window that the network is made for (at the smaller sizes a short one, see
#: `seq2exp.model.registry.Entry`).
WHOLE = ("epinformer", "hyenadna", "enformer")


def preset_for(name: str, size: str) -> TrainingPreset:
    """Return the settings of a system at a size.

    At "paper" they are those it was published with. The smaller sizes keep the shape of its
    learning rate: where it starts and ends relative to the peak, and how long it warms up.

    Raises
    ------
    InputError
        Unknown system or size.
    """
    published = entry(name).training
    if size not in TRAINING_PRESETS:
        raise InputError(f"Unknown model size {size!r}; use one of {', '.join(SIZES)}.")
    usual = TRAINING_PRESETS[size]
    if size == "paper":
        usual = replace(
            usual,
            batch_size=published.batch_size,
            steps=usual.steps if published.steps is None else published.steps,
            epochs=published.epochs,
            lr=published.lr,
        )
    else:
        if name in SMALL_LR:
            usual = replace(usual, lr=SMALL_LR[name], finetune_lr=None)
        if name in CROPPED and usual.compact is not None:
            usual = replace(usual, window=usual.compact, compact=None)
        if name in WHOLE:
            usual = replace(usual, window=None, compact=None, finetune_window=None)
    return replace(
        usual,
        start=published.lr_start / published.lr,
        floor=published.lr_floor / published.lr,
        warm_up=published.warm_up,
        precision="16-mixed" if published.precision == "fp16" else f"{published.precision}-mixed",
    )
