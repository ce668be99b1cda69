"""In which order batches come, for training and for validation, on one device or on several.

The order of the examples is a function of the seed and of nothing else, so a run that stops after
any step goes on with exactly the batches it would have seen.

Batches are slices of memory-mapped files (`seq2exp.training.examples`), made by a thread of the
process that trains. The handles of pyBigWig, hictkpy and pyfaidx, which bear neither threads nor
forks, are used before training alone, by the process that assembles the windows; no process is ever
forked, and those of other devices start anew. How many windows a second this gives beside what a
training step needs is measured by ``seq2exp bench loader``.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seq2exp.errors import InputError
from seq2exp.training.batches import Batch
from seq2exp.training.examples import Examples

Change = Callable[[Batch, Sequence[tuple[int, ...]]], Batch]
"""What is done to a batch's windows, given a seed for each of them."""


def check_shared(batch_size: int, ranks: int) -> None:
    """Refuse a batch that cannot be shared evenly by so many processes."""
    if batch_size % ranks:
        raise InputError(
            f"A batch of {batch_size} windows cannot be shared by {ranks} devices: choose a "
            f"batch size that {ranks} divides."
        )


class Batches:
    """Shuffled training batches number 0 … `steps` - 1; iterable again from where it stopped.

    Every epoch is a permutation given by (seed, epoch); the epochs follow each other without a gap,
    and batch t is places t·B … t·B + B - 1 of that endless row. Of several processes each takes its
    own B / `ranks` of them, so that all together see what one alone would. A thread reads one batch
    ahead, so the device does not wait for the disk.

    Parameters
    ----------
    batch_size : B, of all processes together.
    length : bases of the central crop.
    change : what is done to the windows then.
    rank, ranks : which of how many processes this is.
    pin : whether batches are made in pinned memory.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        steps: int,
        seed: int,
        length: int,
        *,
        change: Change | None = None,
        rank: int = 0,
        ranks: int = 1,
        pin: bool = False,
    ) -> None:
        check_shared(batch_size, ranks)
        self.examples = examples
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.length = length
        self.change = change
        self.rank, self.ranks = rank, ranks
        self.pin = pin
        self.position = 0

    def __len__(self) -> int:
        """Return the number of steps, those before a restart included."""
        return self.steps

    def places(self, step: int) -> NDArray[np.int64]:
        """Return which places of the endless row this process's part of batch `step` holds."""
        own = self.batch_size // self.ranks
        return step * self.batch_size + self.rank * own + np.arange(own)

    def indices(self, step: int) -> NDArray[np.int64]:
        """Return which examples this process's part of batch `step` holds, [B / ranks]."""
        count = len(self.examples)
        places = self.places(step)
        orders = {
            epoch: np.random.default_rng((self.seed, int(epoch))).permutation(count)
            for epoch in np.unique(places // count)
        }
        return np.array([orders[place // count][place % count] for place in places])

    def read(self, step: int) -> Batch:
        """Return this process's part of batch `step`."""
        batch = self.examples.batch(self.indices(step), self.length)
        if self.change is not None:
            batch = self.change(batch, [(self.seed, int(place), 1) for place in self.places(step)])
        return batch.pin() if self.pin else batch

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches from `position` on."""
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self.read, self.position) if self.position < self.steps else None
            while ahead is not None:
                batch = ahead.result()
                self.position += 1
                more = self.position < self.steps
                ahead = reader.submit(self.read, self.position) if more else None
                yield batch

    # Lightning stores these in its checkpoints.
    def state_dict(self) -> dict[str, int]:
        """Return how many batches were handed out."""
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after the batches that were handed out."""
        self.position = state["position"]


class OrderedBatches:
    """All examples in order, for validation; the last batch may be smaller.

    Of several processes, process r takes the examples r, r + `ranks`, …; those that are one short
    start again from the front, so that all take equally many (`in_order` drops what is twice).
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        length: int,
        *,
        change: Change | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self.examples = examples
        self.batch_size = batch_size
        self.length = length
        self.change = change
        count = len(examples)
        self.indices = (rank + ranks * np.arange(-(-count // ranks))) % count

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.indices) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches."""
        for start in range(0, len(self.indices), self.batch_size):
            rows = self.indices[start : start + self.batch_size]
            batch = self.examples.batch(rows, self.length)
            if self.change is not None:
                batch = self.change(batch, [(int(row),) for row in rows])
            yield batch

    def in_order(self, values: Tensor) -> Tensor:
        """Return the rows of all examples, [N, k], of those of all processes, [ranks, n, k]."""
        return values.transpose(0, 1).flatten(0, 1)[: len(self.examples)]
