"""Batches against the windows of the data set they come from."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.tracks.peaks import PeakCaller
from seq2exp.training.batches import Batch
from seq2exp.training.compaction import Compaction
from seq2exp.training.examples import Examples, examples, members
from seq2exp.training.loader import Batches, OrderedBatches

CELLS = ("cell-a", "cell-b")
CHROMS = {"chrA": 8, "chrV": 4, "chrT": 3}


@pytest.fixture(scope="module")
def dataset(small: Path) -> Dataset:
    return Dataset.load(small)


def test_splits_are_by_chromosome(dataset: Dataset) -> None:
    for split, chrom in (("train", "chrA"), ("validation", "chrV"), ("test", "chrT")):
        pairs = members(dataset, split, CELLS)
        assert len(pairs) == 2 * CHROMS[chrom]
        assert {dataset.gene(gene).chrom for gene, _ in pairs} == {chrom}
        assert {cell for _, cell in pairs} == set(CELLS)
    assert len(members(dataset, "train", ["cell-b"])) == CHROMS["chrA"]


def test_the_cache_holds_the_windows_bit_for_bit(dataset: Dataset) -> None:
    length = 4_000
    cached = examples(dataset, "train", CELLS, length)
    batch = cached.batch(np.arange(len(cached)))
    shorter = cached.batch([3], 2_200)
    called = {
        cell: PeakCaller.for_cell(dataset.cell(cell), dataset.genome).peaks() for cell in CELLS
    }
    padded = 0
    for i, example in enumerate(cached.table):
        window = dataset.window(dataset.gene(example.gene), example.cell).crop(length)
        np.testing.assert_array_equal(batch.codes[i], window.codes)
        np.testing.assert_array_equal(batch.signals[i], window.signals)
        np.testing.assert_array_equal(batch.blacklist[i], window.blacklist)
        np.testing.assert_array_equal(batch.features[i], window.features)
        np.testing.assert_array_equal(batch.one_hot[i], window.one_hot)
        assert batch.label[i].item() == np.float32(window.label)
        assert example.interval == window.interval
        assert example.name == window.gene.name
        peaks = np.zeros(length, bool)
        for peak in called[example.cell].itertuples():
            if peak.chrom == example.chrom:
                at = np.arange(peak.start, peak.end) - example.start
                peaks[at[(at >= 0) & (at < length)]] = True
        assert batch.peaks is not None
        np.testing.assert_array_equal(batch.peaks[i], peaks)
        padded += window.pad_left + window.pad_right
        if i == 3:
            crop = window.crop(2_200)
            np.testing.assert_array_equal(shorter.codes[0], crop.codes)
            np.testing.assert_array_equal(shorter.signals[0], crop.signals)
            np.testing.assert_array_equal(shorter.blacklist[0], crop.blacklist)
            assert batch.weight is None and shorter.weight is None
            for mine, part in zip(batch.crop(2_200)[:-1], shorter[:-1], strict=True):
                assert torch.equal(mine[3:4], part)
    assert batch.blacklist.any()
    assert batch.peaks.any() and not batch.peaks.all()
    assert padded == 0


def test_windows_over_a_chromosomes_end_are_padded(dataset: Dataset) -> None:
    cached = examples(dataset, "test", ["cell-a"], 30_000)
    batch = cached.batch([0])
    assert cached.table[0].start < 0
    off = -cached.table[0].start
    assert (batch.codes[0, :off] == 4).all()
    assert not batch.signals[0, :off].any()
    assert not batch.one_hot[0, :off].any()
    assert (batch.codes[0, off:] < 4).all()


def test_the_cache_is_assembled_once_and_per_length(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEQ2EXP_CACHE", str(tmp_path))
    told: list[tuple[float, str]] = []
    first = examples(dataset, "test", CELLS, 2_000, lambda *now: told.append(now))
    assert told[-1] == (1.0, "Assembling test windows: 6 of 6")
    monkeypatch.setattr(Dataset, "window", None)  # any further assembling would fail
    assert examples(dataset, "test", CELLS, 2_000).folder == first.folder
    with pytest.raises(TypeError):
        examples(dataset, "test", CELLS, 2_002)
    # The interrupted one left nothing behind.
    assert {path.name for path in tmp_path.iterdir()} == {first.folder.name, "peaks"}


def test_a_faster_run_keeps_its_windows(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SEQ2EXP_CACHE", str(tmp_path))
    faster: list[Examples] = []

    def overtake(done: float, text: str) -> None:
        if text.startswith("Assembling") and not faster:
            faster.append(examples(dataset, "test", ["cell-a"], 2_000))

    slower = examples(dataset, "test", ["cell-a"], 2_000, overtake)
    # Its files, opened only now, are those that it wrote.
    assert faster[0].folder == slower.folder
    assert torch.equal(faster[0].batch([0]).codes, slower.batch([0]).codes)
    assert {path.name for path in tmp_path.iterdir()} == {slower.folder.name, "peaks"}


def test_order_depends_on_the_seed_alone_and_goes_on_anywhere(dataset: Dataset) -> None:
    cached = examples(dataset, "train", CELLS, 2_000)
    count = len(cached)
    batches = Batches(cached, 3, 20, seed=5, length=2_000)
    row = np.concatenate([batches.indices(step) for step in range(20)])
    for epoch in range(len(row) // count):
        assert sorted(row[epoch * count : (epoch + 1) * count]) == list(range(count))
    assert (row[:count] != row[count : 2 * count]).any()
    assert (Batches(cached, 3, 20, seed=6, length=2_000).indices(0) != batches.indices(0)).any()

    whole = [batch.label.flatten().tolist() for batch in batches]
    assert whole == [cached.label[batches.indices(step)].tolist() for step in range(20)]
    interrupted = Batches(cached, 3, 20, seed=5, length=2_000)
    seen = iter(interrupted)
    for _ in range(7):
        next(seen)
    state = interrupted.state_dict()
    seen.close()
    later = Batches(cached, 3, 20, seed=5, length=2_000)
    later.load_state_dict(state)
    assert [batch.label.flatten().tolist() for batch in later] == whole[7:]
    assert len(later) == 20


@pytest.mark.parametrize("ranks", [2, 3])
def test_processes_share_each_batch_and_what_is_done_to_it(dataset: Dataset, ranks: int) -> None:
    cached = examples(dataset, "train", CELLS, 4_096)

    def loader(**more: int) -> list[Batch]:
        change = Compaction(2_432, 2_000, 0.5)
        return list(Batches(cached, 6, 5, seed=5, length=4_096, change=change, **more))

    alone = loader()
    assert alone[0].codes.shape == (6, 2_432)
    shared = zip(*(loader(rank=rank, ranks=ranks) for rank in range(ranks)), strict=True)
    for whole, parts in zip(alone, shared, strict=True):
        for wanted, found in zip(whole, Batch.join(parts), strict=True):
            assert torch.equal(wanted, found)
    validation = OrderedBatches(cached, 5, 4_096, change=Compaction(2_432, 2_000, 0.5))
    first, again = list(validation), list(validation)
    assert all(torch.equal(a.signals, b.signals) for a, b in zip(first, again, strict=True))


def test_validation_batches_hold_each_example_once(dataset: Dataset) -> None:
    cached = examples(dataset, "validation", CELLS, 2_000)
    batches = list(OrderedBatches(cached, 3, 2_000))
    assert [len(batch.label) for batch in batches] == [3, 3, 2]
    assert len(OrderedBatches(cached, 3, 2_000)) == 3
    assert torch.cat([batch.label for batch in batches]).flatten().tolist() == cached.label.tolist()


@pytest.mark.parametrize(
    ("split", "cells", "length", "says"),
    [
        ("holdout", CELLS, 2_000, "Unknown split 'holdout': choose one of train, validation, test"),
        ("train", ["K562"], 2_000, "no cell type 'K562'"),
        ("train", ["cell-c"], 2_000, "'cell-c' of small has no expression table"),
        ("train", CELLS, 1_000, "1,000 bp"),
        ("train", CELLS, 3_001, "3,001 bp"),
        ("train", CELLS, 400_000, "400,000 bp"),
    ],
)
def test_bad_input_is_named(
    dataset: Dataset, split: str, cells: list[str], length: int, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        examples(dataset, split, cells, length)


def test_a_split_without_examples_is_named(write_small: Callable[[str], Path]) -> None:
    path = write_small("{validation: [chrA, chrV], test: [chrT]}")
    dataset = Dataset.load(path)
    with pytest.raises(InputError, match="no train examples: every chromosome"):
        members(dataset, "train", CELLS)
    text = path.read_text().replace("validation: [chrA, chrV], ", "")
    path.write_text(text)
    with pytest.raises(InputError, match="names no validation chromosomes"):
        members(Dataset.load(path), "validation", CELLS)
    path.write_text(text.replace("splits: {", "splits: {train: [chrA, chrT], "))
    with pytest.raises(InputError, match="lists chrT under train and as held out"):
        members(Dataset.load(path), "train", CELLS)
