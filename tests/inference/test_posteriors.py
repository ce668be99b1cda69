"""Kept posteriors come back as they were found, and only for what they were found for."""

import os
from dataclasses import replace

import numpy as np
import pytest
from windows import make_window

from seq2exp.inference.posteriors import PosteriorStore
from seq2exp.inference.predictor import MaskRule
from seq2exp.model.beta import BetaPrior, MaskPosterior


@pytest.fixture(scope="module")
def window():
    return make_window()


@pytest.fixture(scope="module")
def posterior(window):
    evidence = np.random.default_rng(1).gamma(0.5, 2.0, (window.length, 4)).astype(np.float32)
    beta = np.random.default_rng(2).gamma(3.0, 3.0, window.length).astype(np.float32)
    prior = BetaPrior.from_mean(0.1, 10)
    closed = window.blacklist
    return MaskPosterior(evidence.sum(1), beta, prior, evidence, slice(500, 700), closed)


def test_it_comes_back_to_the_bit(tmp_path, window, posterior):
    store = PosteriorStore("data", "K562", "model", tmp_path)
    assert store.load(window) is None
    assert store.missing([window.gene]) == [window.gene]
    store.save(window, posterior)
    kept = PosteriorStore("data", "K562", "model", tmp_path).load(window)
    assert store.missing([window.gene]) == []
    for name in ("alpha", "beta", "closed"):
        assert np.array_equal(getattr(kept, name), getattr(posterior, name)), name
    assert (kept.prior, kept.forced_open) == (posterior.prior, posterior.forced_open)
    assert np.isnan(kept.evidence).all() and kept.evidence.shape == posterior.evidence.shape
    tilt = BetaPrior.from_mean(0.3, posterior.prior.strength)
    for rule in (MaskRule("soft"), MaskRule("hard", 0.2), MaskRule("top", fraction=0.05)):
        expected = rule.mask(posterior.retilt(tilt))
        assert np.array_equal(rule.mask(kept.retilt(tilt)), expected), rule.mode


@pytest.mark.parametrize("other", [("other", "K562", "model"), ("data", "HepG2", "model")])
def test_it_is_not_another_cells_or_another_data_sets(tmp_path, window, posterior, other):
    PosteriorStore("data", "K562", "model", tmp_path).save(window, posterior)
    assert PosteriorStore(*other, tmp_path).load(window) is None


def test_it_is_not_another_networks_genes_or_lengths(tmp_path, window, posterior):
    store = PosteriorStore("data", "K562", "model", tmp_path)
    store.save(window, posterior)
    assert PosteriorStore("data", "K562", "retrained", tmp_path).load(window) is None
    moved = replace(window.gene, tss=window.gene.tss + 1)
    assert store.load(replace(window, gene=moved)) is None
    assert store.missing([moved, window.gene]) == [moved]
    assert store.load(make_window(length=1000)) is None


@pytest.mark.parametrize("spoil", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"no zip"])
def test_a_damaged_file_counts_as_missing(tmp_path, window, posterior, spoil):
    store = PosteriorStore("data", "K562", "model", tmp_path)
    store.save(window, posterior)
    (file,) = tmp_path.glob("*/*.npz")
    file.write_bytes(spoil(file.read_bytes()))
    assert store.load(window) is None
    store.save(window, posterior)
    assert store.load(window) is not None


def test_the_longest_unused_go_where_room_is_short(tmp_path, window, posterior):
    store = PosteriorStore("data", "K562", "model", tmp_path)
    windows = [replace(window, gene=replace(window.gene, id=f"G{i}")) for i in range(4)]
    for one in windows[:3]:
        store.save(one, posterior)
    size = next(tmp_path.glob("*/*.npz")).stat().st_size
    for age, one in enumerate(windows[:3]):
        os.utime(store._path(one.gene), (1_000 + age, 1_000 + age))
    assert store.load(windows[0]) is not None  # used again, so no longer the oldest
    # A store with room for two looks at the total when it keeps its first.
    PosteriorStore("data", "K562", "model", tmp_path, limit=2 * size).save(windows[3], posterior)
    left = [i for i, one in enumerate(windows) if store.load(one) is not None]
    assert left == [0, 3]


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, window, posterior):
    blocked = tmp_path / "file"
    blocked.write_text("")
    store = PosteriorStore("data", "K562", "model", blocked)
    store.save(window, posterior)
    assert store.load(window) is None
