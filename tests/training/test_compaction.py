"""Compacted windows: what is kept, where, and that it is the same bases everywhere."""

import numpy as np
import pytest
import torch

from seq2exp.errors import InputError
from seq2exp.model.seq2exp import running_mean
from seq2exp.training.batches import Batch
from seq2exp.training.compaction import BLOCK, REACH, compact

LENGTH, PROMOTER = 10_000, 1_000


def batch(seed: int = 0) -> Batch:
    """Two windows whose H3K27ac says where each base was; the contact is the same everywhere."""
    rng = np.random.default_rng(seed)
    signals = rng.random((2, LENGTH, 3), dtype=np.float32)
    signals[..., 0] = np.arange(LENGTH)
    signals[..., 2] = 1
    return Batch(
        torch.from_numpy(rng.integers(0, 5, (2, LENGTH), dtype=np.uint8)),
        torch.from_numpy(signals),
        torch.from_numpy(rng.random((2, LENGTH)) < 0.01),
        torch.zeros(2, 9),
        torch.zeros(2, 1),
    )


def places(short: Batch) -> np.ndarray:
    return short.signals[..., 0].numpy().astype(int)


@pytest.mark.parametrize("background", [0.0, 0.25, 1.0])
def test_the_parts_stay_together_and_in_order(background):
    whole = batch()
    short = compact(whole, 2_048, PROMOTER, background, np.random.default_rng(1))
    assert short.codes.shape == (2, 2_048)
    for row, at in enumerate(places(short)):
        assert (np.diff(at) > 0).all()
        for name in ("codes", "signals", "blacklist"):
            assert torch.equal(getattr(short, name)[row], getattr(whole, name)[row][at])
        middle = at[(at >= LENGTH // 2 - PROMOTER // 2) & (at < LENGTH // 2 + PROMOTER // 2)]
        assert len(middle) == PROMOTER
        assert at[1_024] == LENGTH // 2  # the TSS
    assert torch.equal(short.label, whole.label)


def test_the_most_open_blocks_are_kept_with_their_flanks():
    whole = batch()
    dnase = whole.signals[..., 1]
    dnase[:] = 0.1
    starts = [LENGTH // 2 - 30 * BLOCK, LENGTH // 2 + 30 * BLOCK]
    flank = REACH * BLOCK
    for start in starts:
        dnase[:, start : start + BLOCK] = 5
    for seed in range(5):
        short = compact(whole, 3_072, PROMOTER, 0.25, np.random.default_rng(seed))
        for at in places(short):
            assert all(
                set(range(start - flank, start + BLOCK + flank)) <= set(at) for start in starts
            )


def test_of_two_open_blocks_the_one_in_contact_is_kept():
    whole = batch()
    dnase, contact = whole.signals[..., 1], whole.signals[..., 2]
    dnase[:] = 0.1
    middle = LENGTH // 2
    near, far = middle + 15 * BLOCK, middle + 45 * BLOCK
    for start in (near, far):
        dnase[:, start : start + BLOCK] = 5
    contact[:] = 0.01
    contact[:, near - 1_000 : near + 1_000] = 2
    # Room on this side for one block with its flanks.
    short = compact(whole, 2_560, PROMOTER, 0.0, np.random.default_rng(0))
    for at in places(short):
        assert near in at
        assert far not in at


def test_closed_bases_in_close_contact_do_not_come_before_open_ones_far_away():
    whole = batch()
    dnase, contact = whole.signals[..., 1], whole.signals[..., 2]
    dnase[:], contact[:] = 0.05, 1.2
    far = LENGTH // 2 + 60 * BLOCK
    dnase[:, far : far + BLOCK] = 1
    contact[:, LENGTH // 2 - 3_000 : LENGTH // 2 + 3_000] = 2.5  # 316 against 16
    short = compact(whole, 2_560, PROMOTER, 0.0, np.random.default_rng(0))
    for at in places(short):
        assert set(range(far, far + BLOCK)) <= set(at)


def test_signals_are_averaged_while_bases_have_their_neighbours():
    whole = batch()
    before = whole.signals.clone()
    short = compact(whole, 2_048, PROMOTER, 0.25, np.random.default_rng(1), (1, 601, 41))
    at = torch.from_numpy(places(short))
    for channel, width in ((1, 601), (2, 41)):
        means = running_mean(before[..., channel : channel + 1], width)[..., 0]
        assert torch.equal(short.signals[..., channel], means.gather(1, at))
    assert torch.equal(whole.signals, before)


@pytest.mark.parametrize("background", [0.25, 0.5])
def test_each_base_stands_for_those_it_was_drawn_from(background):
    whole = batch()
    short = compact(whole, 2_048, PROMOTER, background, np.random.default_rng(3))
    assert short.weight is not None
    blocks = LENGTH // 2 // BLOCK * 2
    assert torch.allclose(short.weight.sum(1), torch.full((2,), float(blocks * BLOCK)))
    at = torch.from_numpy(places(short))
    promoter = (at >= (LENGTH - PROMOTER) // 2) & (at < (LENGTH + PROMOTER) // 2)
    assert (short.weight[promoter] == 1).all()
    # The mean over the draws is that of the whole window.
    truth = whole.signals[..., 1].mean(1)
    means = []
    for seed in range(300):
        drawn = compact(whole, 2_048, PROMOTER, background, np.random.default_rng(seed))
        assert drawn.weight is not None
        total = (drawn.signals[..., 1] * drawn.weight).sum(1)
        means.append(total / drawn.weight.sum(1))
    assert torch.allclose(torch.stack(means).mean(0), truth, atol=0.01)


def test_the_background_is_drawn_and_reaches_every_block():
    whole = batch()
    seen: set[int] = set()
    for seed in range(400):
        seen |= set(places(compact(whole, 2_048, PROMOTER, 0.5, np.random.default_rng(seed)))[0])
    margin = LENGTH // 2 % BLOCK
    assert seen == set(range(margin, LENGTH - margin))
    one, same = (
        places(compact(whole, 2_048, PROMOTER, 0.5, np.random.default_rng(7))) for _ in range(2)
    )
    assert (one == same).all()


def test_lengths_that_do_not_fit():
    whole = batch()
    assert compact(whole, LENGTH, PROMOTER, 0.25, np.random.default_rng(0)) is whole
    for length in (2_000, 896):
        with pytest.raises(InputError, match="multiple of 128 above"):
            compact(whole, length, PROMOTER, 0.25, np.random.default_rng(0))
