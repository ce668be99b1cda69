"""From a data set to examples: windows assembled once into a memory-mapped cache, then sliced.

Assembling a window (bigWig, Hi-C, FASTA) takes far longer than a training step's share of it, so
the windows of one split are written once, bit for bit as `Dataset.window` gives them, and batches
are plain slices of the files. A window of 200,000 bases takes 2.7 MB.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.files import cache_dir
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import FEATURES, PROMOTER, SIGNALS, WINDOW
from seq2exp.tracks.peaks import PeakCaller
from seq2exp.training.batches import Batch

SPLITS = ("train", "validation", "test")
LAYOUT = 2  # raise when the files' layout changes: older caches are then not found any more

Progress = Callable[[float, str], None]


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
        self._rows = np.arange(len(self.table))  # of the arrays on disk

    def __len__(self) -> int:
        """Return N."""
        return len(self.table)

    def spread(self, count: int | None) -> "Examples":
        """Return at most `count` of the examples, evenly spread over their order; None: all."""
        if count is None or count >= len(self):
            return self
        chosen = np.arange(count) * len(self) // count
        part = copy.copy(self)
        part.table = [self.table[i] for i in chosen]
        part.features, part.label = self.features[chosen], self.label[chosen]
        part._rows = self._rows[chosen]
        return part

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

    @cached_property
    def _peaks(self) -> NDArray[np.uint8]:
        return np.load(self.folder / "peaks.npy", mmap_mode="r")

    def batch(self, indices: Sequence[int] | NDArray[np.int64], length: int | None = None) -> Batch:
        """Return examples as a batch, cropped to the central `length` bases (default: whole)."""
        given = np.asarray(indices)
        rows = self._rows[given]
        length = self.length if length is None else length
        start = (self.length - length) // 2
        part = slice(start, start + length)

        def bits(packed: NDArray[np.uint8]) -> Tensor:
            found = np.unpackbits(packed[rows], axis=1, count=self.length)[:, part]
            return torch.from_numpy(found.astype(bool))

        return Batch(
            torch.from_numpy(np.ascontiguousarray(self._codes[rows, part])),
            torch.from_numpy(np.ascontiguousarray(self._signals[rows, part])),
            bits(self._blacklist),
            torch.from_numpy(self.features[given]),
            torch.from_numpy(self.label[given, None]),
            bits(self._peaks),
        )


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
        with TemporaryDirectory(prefix=".writing-", dir=folder.parent) as made:
            draft = Path(made) / name
            _assemble(dataset, pairs, length, draft, split, progress)
            try:
                draft.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another run was faster, and may read its files
                    raise
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
    peaks = array("peaks", np.uint8, count, -(-length // 8))
    features = np.empty((count, len(FEATURES)), np.float32)
    label = np.empty(count, np.float32)
    table = []
    label_names: list[str] = []
    called = {cell: _peaks(dataset, cell, progress) for cell in {cell for _, cell in pairs}}
    for i, (gene, cell) in enumerate(pairs):
        window = dataset.window(dataset.gene(gene), cell).crop(length)
        codes[i] = window.codes
        signals[i] = window.signals
        blacklist[i] = np.packbits(window.blacklist)
        where = window.interval
        peaks[i] = np.packbits(_covered(called[cell].get(where.chrom), where))
        features[i] = window.features
        label[i] = window.label
        label_names.append(window.label_name)
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


def _peaks(dataset: Dataset, cell: str, progress: Progress | None) -> dict[str, NDArray[np.int64]]:
    """Return a cell type's peaks as (start, end) rows by chromosome."""

    def report(fraction: float, text: str) -> None:
        if progress:
            progress(fraction, f"Calling peaks of {cell}: {text}")

    found = PeakCaller.for_cell(dataset.cell(cell), dataset.genome).peaks(progress=report)
    return {
        str(chrom): rows[["start", "end"]].to_numpy(np.int64)
        for chrom, rows in found.groupby("chrom", sort=False)
    }


def _covered(spans: NDArray[np.int64] | None, where: Interval) -> NDArray[np.bool_]:
    """Return which bases of an interval lie in one of the spans, bool [width]."""
    covered = np.zeros(where.width, np.bool_)
    if spans is not None:
        near = spans[(spans[:, 0] < where.end) & (spans[:, 1] > where.start)]
        for start, end in near - where.start:
            covered[max(start, 0) : end] = True
    return covered
