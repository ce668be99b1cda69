"""How long and on what each size of network is trained unless told otherwise."""

from dataclasses import dataclass

from seq2exp.training.objective import PEAK_LR


@dataclass(frozen=True)
class TrainingPreset:
    """Settings of the first phase.

    Attributes
    ----------
    steps, batch_size
        Optimisation steps, and windows in each.
    window
        Central bases to train on; None: the network's whole window.
    lr
        Peak learning rate.
    validate_every
        Steps between validations; None: a twentieth of the steps.
    """

    steps: int = 50_000
    batch_size: int = 8
    window: int | None = None
    lr: float = PEAK_LR
    validate_every: int | None = None


#: "paper" is as published; "demo" takes minutes on two cores and made the shipped model.
TRAINING_PRESETS = {
    "paper": TrainingPreset(),
    "demo": TrainingPreset(steps=800, window=4_096, lr=4e-3, validate_every=100),
    "tiny": TrainingPreset(steps=100, window=4_096, lr=4e-3),
}
