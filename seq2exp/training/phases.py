"""The stretches of a run: how many steps, on windows of which length, at which learning rate."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from seq2exp.errors import InputError
from seq2exp.model.kinds import check_kinds
from seq2exp.training.compaction import BLOCK, Compaction
from seq2exp.training.loader import Change
from seq2exp.training.objective import PEAK_LR, WARM_UP, WEIGHT_DECAY, schedule
from seq2exp.training.presets import TrainingPreset

T = TypeVar("T")

MOST_LR = 1.0  # AdamW moves every weight by about so much in a step


@dataclass(frozen=True)
class Optimisation:
    """How far and how fast one phase of training goes; the defaults are the published ones.

    A phase that is `settled` goes on from another: nothing ramps up in it again.
    """

    steps: int = 50_000
    lr: float = PEAK_LR
    lr_start: float | None = None
    lr_floor: float | None = None
    warm_up: float = WARM_UP
    weight_decay: float = WEIGHT_DECAY
    settled: bool = False

    def progress(self, step: int) -> float:
        """Return how far the phase is before optimiser step `step`, 0 to 1."""
        return 1.0 if self.settled else step / self.steps

    def rate(self, step: int) -> float:
        """Return the learning rate of optimiser step `step`."""
        return schedule(step, self.steps, self.lr, self.lr_start, self.lr_floor, self.warm_up)

    def at_peak(self, lr: float) -> "Optimisation":
        """Return the same run with another peak rate, start and end in proportion."""
        scale = lr / self.lr
        return replace(
            self,
            lr=lr,
            lr_start=None if self.lr_start is None else self.lr_start * scale,
            lr_floor=None if self.lr_floor is None else self.lr_floor * scale,
        )


@dataclass(frozen=True)
class Phase:
    """One stretch of training at one window length.

    Attributes
    ----------
    batch_size : windows in a step, those of all devices together.
    validate_every, save_every : steps between validations, and between saves of the whole state.
    compaction : how windows are cut down to their most open bases; None: they are whole.
    hold_mask : the mask stays as it is and the predictor alone is trained, where they are apart.
    """

    name: str
    window: int
    batch_size: int
    validate_every: int
    save_every: int
    optimisation: Optimisation
    compaction: Compaction | None = None
    hold_mask: bool = False

    def cut_for(self, config: Any) -> Change | None:
        """Return what cuts batches down for a network of this configuration; None: nothing."""
        if self.compaction is None:
            return None
        return partial(self.compaction, smooth=getattr(config, "signal_smooth", (1, 1, 1)))

    def __str__(self) -> str:
        """Say how it trains, e.g. "1,000 steps of 8 windows of 16,384 bp"."""
        steps = self.optimisation.steps
        windows = "1 window" if self.batch_size == 1 else f"{self.batch_size} windows"
        text = f"{steps:,} steps of {windows} of {self.window:,} bp"
        if self.compaction:
            text += f" cut down to {self.compaction.length:,} bp"
        if self.hold_mask:
            text += " under the mask as it was"
        return text


@dataclass(frozen=True)
class Wishes:
    """What a user asks for; None: the preset's.

    Attributes
    ----------
    steps, batch_size, window, lr, lr_floor
        Of the first phase; `window` is the central bases to train on.
    compact, background
        The first phase's windows are cut down to `compact` bases, of which the share `background`
        is drawn at random.
    finetune_steps, finetune_window, finetune_batch_size, finetune_lr
        Of a second phase, from the first one's best weights.
    finetune_mask
        Whether it moves the mask.
    validate_every
        Steps between validations.
    calibrate
        Whole training windows on which slope and level of the predictions are set.
    judge
        Held-out windows of a split that are looked at whole.

    Raises
    ------
    InputError
        Values that no training can have, whatever the rest of it.
    """

    steps: int | None = None
    batch_size: int | None = None
    window: int | None = None
    lr: float | None = None
    lr_floor: float | None = None
    compact: int | None = None
    background: float | None = None
    finetune_steps: int | None = None
    finetune_window: int | None = None
    finetune_batch_size: int | None = None
    finetune_lr: float | None = None
    finetune_mask: bool | None = None
    validate_every: int | None = None
    calibrate: int | None = None
    judge: int | None = None

    def __post_init__(self) -> None:
        """Refuse what would otherwise be found out after hours."""
        check_kinds(self, "The training's setting")
        if self.calibrate is not None and self.calibrate < 0:
            raise InputError(
                f"No network is calibrated on {self.calibrate} windows; choose 0 or more."
            )
        if self.judge is not None and self.judge < 1:
            raise InputError(f"No network is judged on {self.judge} windows; choose 1 or more.")


def diverged(what: str, step: int, lr: float) -> InputError:
    """Return what to say where a number of training is not finite any more."""
    return InputError(
        f"{what} is not a finite number after step {step:,}: delete the run's folder and start "
        f"anew with a learning rate below {lr:g} (--lr; of a second phase --finetune-lr), or with "
        "smaller weights where --set has raised them."
    )


def check_seed(seed: Any) -> None:
    """Refuse what no random generator of a run can be started from."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise InputError(f"The seed is {seed!r}; choose a whole number from 0 to 2^63 - 1.")


def plan(config: Any, usual: TrainingPreset, wishes: Wishes, examples: int) -> list[Phase]:
    """Return the phases of a run.

    What is not wished for is the preset's; its second phase and its validations belong to its
    steps, so they are kept only where the steps are not wished for. Its compaction belongs to its
    window, and is left out for a network that is no larger than it or knows each base's place.

    Parameters
    ----------
    config : the network's, with its window and promoter.
    examples : how many there are to train on; an epoch sees each once.

    Raises
    ------
    InputError
        Settings that no training can have.
    """
    own = wishes.steps is None
    batch_size = _given(wishes.batch_size, usual.batch_size)
    steps = usual.steps
    if usual.epochs is not None:
        steps = -(-usual.epochs * examples // max(1, batch_size))
    peak = _given(wishes.lr, usual.lr)
    finetune_window = usual.finetune_window if own else None
    finetune_batch_size = usual.finetune_batch_size if own else 1
    wanted: dict[str, tuple[int, int, int, float]] = {
        "first": (
            _given(wishes.steps, steps),
            _given(wishes.window, min(usual.window or config.window, config.window)),
            batch_size,
            peak,
        ),
        "longer": (
            _given(wishes.finetune_steps, usual.finetune_steps if own else 0),
            _given(wishes.finetune_window, min(finetune_window or config.window, config.window)),
            _given(wishes.finetune_batch_size, finetune_batch_size),
            _given(wishes.finetune_lr, usual.finetune_lr or peak / 5),
        ),
    }
    if wanted["longer"][0] == 0:
        del wanted["longer"]
    every = wishes.validate_every
    if every is None and own:
        every = usual.validate_every
    phases = []
    for name, (steps, window, batch_size, lr) in wanted.items():
        _check(name, {"steps": steps, "batch size": batch_size, "learning rate": lr})
        if lr > MOST_LR:
            raise InputError(
                f"The learning rate of the {name} phase is {lr:g}, with which nothing is learnt; "
                f"choose one up to {MOST_LR:g}."
            )
        _check_window(config, window)
        often = max(1, steps // 20) if every is None else every
        if name == "longer":
            often = min(often, steps)
        if not 0 < often <= steps:
            raise InputError(f"Validate every 1 to {steps:,} steps, not {often:,}.")
        floor = wishes.lr_floor
        if floor is not None and not 0 <= floor <= lr:
            raise InputError(
                f"The last learning rate of the {name} phase is {floor:g}; choose one from 0 to "
                f"its peak, {lr:g}."
            )
        if floor is None and usual.floor is not None:
            floor = lr * usual.floor
        start = None if usual.start is None else lr * usual.start
        optimisation = Optimisation(
            steps, lr, start, floor, usual.warm_up, settled=name == "longer"
        )
        cut = _compaction(config, window, usual, wishes) if name == "first" else None
        save = max(1, often // 10)
        held = name == "longer" and not _given(wishes.finetune_mask, usual.finetune_mask)
        held = held and bool(getattr(config, "has_own_generator", False))
        phases.append(Phase(name, window, batch_size, often, save, optimisation, cut, held))
    return phases


def _given(wish: T | None, usual: T) -> T:
    return usual if wish is None else wish


def _check(name: str, values: Mapping[str, float]) -> None:
    for what, value in values.items():
        if value <= 0:
            raise InputError(f"The {what} of the {name} phase must be above 0, not {value}.")


def _check_window(config: Any, window: int) -> None:
    if window > config.window or window < config.promoter or window % 2:
        raise InputError(
            f"A training window of {window:,} bp does not fit this model: choose an even "
            f"length from {config.promoter:,} to {config.window:,}."
        )


def _compaction(
    config: Any, window: int, usual: TrainingPreset, wishes: Wishes
) -> Compaction | None:
    placed = getattr(config, "position_embedding", False)
    length = wishes.compact
    fits = usual.compact is not None and usual.compact < window and not placed
    if length is None and wishes.window is None and fits:
        length = usual.compact
    if length is None:
        return None
    if placed:
        raise InputError(
            "This model knows each base's place in the window, so its windows cannot be cut down "
            "to their open bases; leave out compact."
        )
    if not config.promoter < length <= window or length % (2 * BLOCK):
        raise InputError(
            f"Windows of {window:,} bp cannot be cut down to {length:,} bp: choose a multiple of "
            f"{2 * BLOCK} above the promoter's {config.promoter:,}."
        )
    background = _given(wishes.background, usual.background)
    if not 0 <= background <= 1:
        raise InputError(f"The background {background:g} is no share; choose 0 to 1.")
    return Compaction(length, config.promoter, background)
