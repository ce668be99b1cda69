"""From a data set to batches: windows assembled once into a memory-mapped cache, then sliced.

Assembling a window (bigWig, Hi-C, FASTA) takes far longer than a training step's share of it, so
the windows of one split are written once, bit for bit as `Dataset.window` gives them, and batches
are plain slices of the files. The order of the examples is a function of the seed and of nothing
else, so a run that stops after any step goes on with exactly the batches it would have seen.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.files import atomic_path, cache_dir
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import FEATURES, PROMOTER, SIGNALS, WINDOW

SPLITS = ("train", "validation", "test")
LAYOUT = 1  # raise when the files' layout changes: older caches are then not found any more

Progress = Callable[[float, str], None]


class Batch(NamedTuple):
    """B examples of L bases each; the TSS base is at index L/2.

    Attributes
    ----------
    codes : uint8 [B, L]; A 0, C 1, G 2, T 3, N and padding 4.
    signals : float32 [B, L, 3]; H3K27ac, DNase, log10(1 + contact), as in `Window`.
    blacklist : bool [B, L].
    features : float32 [B, 9], raw, as the published model takes them.
    label : float32 [B, 1]; log10(expression + 1).
    """

    codes: Tensor
    signals: Tensor
    blacklist: Tensor
    features: Tensor
    label: Tensor

    @property
    def one_hot(self) -> Tensor:
        """float32 [B, L, 4] in the order A, C, G, T; N and padding are all zero."""
        # A table look-up; torch's one_hot would first write eight bytes for each of the zeros.
        table = torch.eye(5, 4, device=self.codes.device)
        return functional.embedding(self.codes.int(), table)

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on a device."""
        return Batch(*(part.to(device) for part in self))


@dataclass(frozen=True)
class Example:
    """Which gene, in which cell type, an example is, and where its whole cached window lies."""

    gene: str
    name: str
    cell: str
    chrom: str
    start: int
    end: int

    @property
    def interval(self) -> Interval:
        """The cached window, unclipped."""
        return Interval(self.chrom, self.start, self.end)


class Examples:
    """The examples of one split, read from the cache's folder; N examples of L bases.

    Attributes
    ----------
    table : what each example is, in the order of the arrays.
    length : L.
    features, label : float32 [N, 9] and [N], in memory.
    """

    def __init__(self, folder: Path) -> None:
        described = json.loads((folder / "examples.json").read_text())
        self.folder = folder
        self.length: int = described["length"]
        self.label_name: str = described["label_name"]
        self.table = [Example(**row) for row in described["examples"]]
        self.features = np.load(folder / "features.npy")
        self.label = np.load(folder / "label.npy")

    def __len__(self) -> int:
        """Return N."""
        return len(self.table)

    # Opened at first use, in the process that uses them.
    @cached_property
    def _codes(self) -> NDArray[np.uint8]:
        return np.load(self.folder / "codes.npy", mmap_mode="r")

    @cached_property
    def _signals(self) -> NDArray[np.float32]:
        return np.load(self.folder / "signals.npy", mmap_mode="r")

    @cached_property
    def _blacklist(self) -> NDArray[np.uint8]:
        return np.load(self.folder / "blacklist.npy", mmap_mode="r")

    def batch(self, indices: Sequence[int] | NDArray[np.int64], length: int | None = None) -> Batch:
        """Return examples as a batch, cropped to the central `length` bases (default: whole)."""
        rows = np.asarray(indices)
        length = self.length if length is None else length
        start = (self.length - length) // 2
        part = slice(start, start + length)
        bits = np.unpackbits(self._blacklist[rows], axis=1, count=self.length)[:, part]
        return Batch(
            torch.from_numpy(np.ascontiguousarray(self._codes[rows, part])),
            torch.from_numpy(np.ascontiguousarray(self._signals[rows, part])),
            torch.from_numpy(np.ascontiguousarray(bits).astype(bool)),
            torch.from_numpy(self.features[rows]),
            torch.from_numpy(self.label[rows, None]),
        )


class Batches:
    """Shuffled training batches number 0 … `steps` - 1; iterable again from where it stopped.

    Every epoch is a permutation given by (seed, epoch); the epochs follow each other without a gap,
    and batch t is places t·B … t·B + B - 1 of that endless row. A thread reads one batch ahead, so
    the device does not wait for the disk.

    Parameters
    ----------
    length : bases of the central crop.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int,
        steps: int,
        seed: int,
        length: int,
    ) -> None:
        self.examples = examples
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.length = length
        self.position = 0

    def __len__(self) -> int:
        """Return the number of steps, those before a restart included."""
        return self.steps

    def indices(self, step: int) -> NDArray[np.int64]:
        """Return which examples batch `step` holds, [B]."""
        count = len(self.examples)
        places = step * self.batch_size + np.arange(self.batch_size)
        orders = {
            epoch: np.random.default_rng((self.seed, int(epoch))).permutation(count)
            for epoch in np.unique(places // count)
        }
        return np.array([orders[place // count][place % count] for place in places])

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches from `position` on."""

        def read(step: int) -> Batch:
            return self.examples.batch(self.indices(step), self.length)

        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(read, self.position) if self.position < self.steps else None
            while ahead is not None:
                batch = ahead.result()
                self.position += 1
                ahead = reader.submit(read, self.position) if self.position < self.steps else None
                yield batch

    # Lightning stores these in its checkpoints.
    def state_dict(self) -> dict[str, int]:
        """Return how many batches were handed out."""
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after the batches that were handed out."""
        self.position = state["position"]


class OrderedBatches:
    """All examples in order, for validation; the last batch may be smaller."""

    def __init__(self, examples: Examples, batch_size: int, length: int) -> None:
        self.examples = examples
        self.batch_size = batch_size
        self.length = length

    def __len__(self) -> int:
        """Return the number of batches."""
        return -(-len(self.examples) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches."""
        for start in range(0, len(self.examples), self.batch_size):
            stop = min(start + self.batch_size, len(self.examples))
            yield self.examples.batch(np.arange(start, stop), self.length)


def members(dataset: Dataset, split: str, cells: Sequence[str]) -> list[tuple[str, str]]:
    """Return the (gene id, cell) pairs with a label that belong to a split.

    "train" is every chromosome that is in neither "validation" nor "test".

    Raises
    ------
    InputError
        Unknown split or cell type, a cell type without expression, or a split without examples.
    """
    if split not in SPLITS:
        raise InputError(f"Unknown split {split!r}: choose one of {', '.join(SPLITS)}.")
    chroms = set(dataset.split_chroms(split))
    if split == "train" and (shared := chroms & {*_listed(dataset)}):
        raise InputError(
            f"{dataset.spec.path} lists {', '.join(sorted(shared))} under train and as held out: "
            "a chromosome belongs to one split."
        )
    pairs = []
    for cell in cells:
        if dataset.cell(cell).expression is None:
            raise InputError(
                f"Cell type {cell!r} of {dataset.name} has no expression table, so nothing can be "
                "learnt there: give one in the data set's yaml, or leave the cell type out."
            )
        name = dataset.cell(cell).name
        pairs += [(gene, name) for gene in dataset.example_genes(name, split)]
    if not pairs:
        fix = (
            "every chromosome with measured genes is listed under validation or test"
            if split == "train"
            else f"list chromosomes with measured genes under splits: {split}:"
        )
        raise InputError(f"{dataset.name} has no {split} examples: {fix} in the data set's yaml.")
    return pairs


def _listed(dataset: Dataset) -> list[str]:
    """Return the chromosomes that are held out."""
    return [c for name in ("validation", "test") for c in dataset.splits.get(name, ())]


def examples(
    dataset: Dataset,
    split: str,
    cells: Sequence[str],
    length: int = WINDOW,
    progress: Progress | None = None,
) -> Examples:
    """Return the examples of a split, from the cache or assembled into it now.

    Parameters
    ----------
    cells : names of cell types; each gene with a label is one example per cell type.
    length : bases of the central crop that is kept, even, up to 200,000.

    Raises
    ------
    InputError
        As `members`, or an impossible window length.
    """
    if length % 2 or not PROMOTER <= length <= WINDOW:
        raise InputError(
            f"A training window of {length:,} bp does not work: choose an even length "
            f"from {PROMOTER:,} to {WINDOW:,}."
        )
    pairs = members(dataset, split, cells)
    key = json.dumps([LAYOUT, dataset.digest, split, list(cells), length])
    name = f"windows-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    folder = cache_dir() / name
    if not folder.is_dir():
        with atomic_path(folder) as draft:
            _assemble(dataset, pairs, length, draft, split, progress)
    return Examples(folder)


def _assemble(
    dataset: Dataset,
    pairs: list[tuple[str, str]],
    length: int,
    folder: Path,
    split: str,
    progress: Progress | None,
) -> None:
    """Write the windows of (gene, cell) pairs into a new folder."""
    folder.mkdir()
    count = len(pairs)

    def array(name: str, dtype: type, *shape: int) -> NDArray:
        return open_memmap(folder / f"{name}.npy", "w+", dtype, shape)

    codes = array("codes", np.uint8, count, length)
    signals = array("signals", np.float32, count, length, len(SIGNALS))
    blacklist = array("blacklist", np.uint8, count, -(-length // 8))
    features = np.empty((count, len(FEATURES)), np.float32)
    label = np.empty(count, np.float32)
    table = []
    label_names: list[str] = []
    for i, (gene, cell) in enumerate(pairs):
        window = dataset.window(dataset.gene(gene), cell).crop(length)
        codes[i] = window.codes
        signals[i] = window.signals
        blacklist[i] = np.packbits(window.blacklist)
        features[i] = window.features
        label[i] = window.label
        label_names.append(window.label_name)
        where = window.interval
        table.append(Example(gene, window.gene.name, cell, where.chrom, where.start, where.end))
        if progress and (i % 10 == 9 or i == count - 1):
            progress((i + 1) / count, f"Assembling {split} windows: {i + 1:,} of {count:,}")
    np.save(folder / "features.npy", features)
    np.save(folder / "label.npy", label)
    described = {
        "length": length,
        "dataset": dataset.name,
        "digest": dataset.digest,
        "split": split,
        "label_name": " / ".join(sorted(set(label_names))),
        "examples": [asdict(row) for row in table],
    }
    (folder / "examples.json").write_text(json.dumps(described))
