"""Whether the loader keeps up with training: windows a second that it gives, and that are used.

A training step and a batch of the loader are timed in turns on the same windows, each by itself;
in training one thread reads the next batch while the device works on this one, so the device waits
only where reading takes longer than the step. What is read lies in the window cache, warm in the
system's memory after the first repeat, as it is in training whenever it fits there.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import count

import torch

from seq2exp.bench.measure import Contender, Progress, Timing, stage, time_in_turns
from seq2exp.bench.report import Row, Section, timed
from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.window import PROMOTER
from seq2exp.model.registry import make
from seq2exp.training.batches import Batch
from seq2exp.training.compaction import BACKGROUND, Compaction
from seq2exp.training.examples import examples
from seq2exp.training.loader import Batches
from seq2exp.training.module import NetworkModule, optimiser_groups
from seq2exp.training.objective import ADAM_BETAS, GRADIENT_CLIP, PEAK_LR
from seq2exp.training.phases import Optimisation

LOADER, STEP = "The loader: a batch from the cache", "A training step"


@dataclass(frozen=True)
class Options:
    """What is measured.

    Attributes
    ----------
    dataset, root
        Its training windows are read, of all measured cell types; those not yet in the cache are
        assembled first, untimed.
    model, size
        Which network trains.
    length, batch
        Bases in a window, and windows in a step.
    compact
        Windows are cut down to so many bases, as the preset of a small network does; 0: they are
        not.
    repeats
        Batches, and steps.
    device
        "cpu" or "cuda".
    """

    dataset: str
    root: str = ""
    model: str = "seq2exp-soft"
    size: str = "paper"
    length: int = 200_000
    batch: int = 8
    compact: int = 0
    repeats: int = 7
    device: str = "cpu"


def sections(options: Options, progress: Progress) -> Iterator[Section]:
    """Yield the table: a batch of the loader beside a training step."""
    dataset = Dataset.load(options.dataset, root=options.root or None)
    cached = examples(dataset, "train", dataset.measured_cells(), options.length, progress)
    cuda = options.device == "cuda"
    cut = Compaction(options.compact, PROMOTER, BACKGROUND) if options.compact else None
    batches = Batches(
        cached, options.batch, 10**9, seed=1, length=options.length, change=cut, pin=cuda
    )
    numbers = count()
    trainer = _Trainer(options)
    batch = batches.read(next(numbers)).to(options.device)
    timings = time_in_turns(
        [
            Contender(LOADER, lambda: batches.read(next(numbers)), options.repeats),
            Contender(STEP, lambda: trainer.step(batch), options.repeats, device=options.device),
        ],
        stage(progress, "Measuring"),
    )
    yield _section(timings, options)


class _Trainer:
    """Makes training steps of a network with its first weights."""

    def __init__(self, options: Options) -> None:
        torch.manual_seed(1)
        model = make(options.model, options.size, window=options.length).to(options.device)
        self.module = NetworkModule(model, Optimisation(), seed=1).train()
        self.module.on_fit_start()
        groups = [group for group, _ in optimiser_groups(model, Optimisation())]
        self.optimizer = torch.optim.AdamW(groups, lr=PEAK_LR, betas=ADAM_BETAS)
        self.device = options.device

    def step(self, batch: Batch) -> None:
        """Forward with a sampled mask, objective, backward, clipping, AdamW; bf16 on a GPU."""
        precision: AbstractContextManager = nullcontext()
        if self.device == "cuda":
            precision = torch.autocast("cuda", torch.bfloat16)
        self.optimizer.zero_grad()
        with precision:
            _, loss = self.module.losses(batch)
        loss.total.backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), GRADIENT_CLIP)
        self.optimizer.step()


def _section(timings: dict[str, Timing], options: Options) -> Section:
    """Return the table of both timings, with windows a second."""
    rows: list[Row] = [
        timed(timing, rate=options.batch / timing.median) for timing in timings.values()
    ]
    times = timings[STEP].median / timings[LOADER].median
    cut = f" cut down to {options.compact:,} bp" if options.compact else ""
    said = (
        f"{options.batch} windows of {options.length:,} bp{cut}; a second: windows. One thread "
        f"reads {times:.1f} times as many windows as the steps use, "
        + ("so the device never waits." if times > 1 else "so the device waits for it.")
    )
    return Section("loader", "The loader beside a training step", "What", rows, [said])
