"""How long and on what each size of network is trained unless told otherwise."""

from dataclasses import dataclass

from seq2exp.training.objective import PEAK_LR


@dataclass(frozen=True)
class TrainingPreset:
    """Settings of a run.

    Attributes
    ----------
    steps, batch_size
        Optimisation steps of the first phase, and windows in each.
    window
        Its central bases to train on; None: the network's whole window.
    lr
        Peak learning rate.
    validate_every
        Steps between validations; None: a twentieth of the steps.
    finetune_steps, finetune_window, finetune_batch_size
        The second phase, on longer windows; no steps: none.
    """

    steps: int = 50_000
    batch_size: int = 8
    window: int | None = None
    lr: float = PEAK_LR
    validate_every: int | None = None
    finetune_steps: int = 0
    finetune_window: int | None = None
    finetune_batch_size: int = 1


#: "paper" is as published; "demo" takes minutes on two cores and made the shipped model.
TRAINING_PRESETS = {
    "paper": TrainingPreset(),
    "demo": TrainingPreset(
        steps=800,
        window=4_096,
        lr=4e-3,
        validate_every=100,
        finetune_steps=150,
        finetune_window=16_384,
        finetune_batch_size=4,
    ),
    "tiny": TrainingPreset(steps=100, window=4_096, lr=4e-3),
}
