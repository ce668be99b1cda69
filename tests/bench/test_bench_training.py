"""The bench's training step: that it trains, and who is measured in it."""

import numpy as np
import pytest
import torch

from seq2exp.bench import model as bench
from seq2exp.bench.field import OURS, Options
from seq2exp.bench.runs import network, random_windows, training_step
from seq2exp.model.scan import implementations


def test_training_without_peers_has_ours_and_every_scan():
    options = Options("tiny", 2_000, repeats=2, slow_repeats=1, peers=False, parts=("training",))
    (section,) = bench.sections(options, lambda fraction, text: None)
    rows = {row.name: row for row in section.rows}
    assert set(rows) == {OURS, *(f"torch, {name} scan" for name in implementations())}
    assert rows["torch, torch scan"].values["ratio"] == pytest.approx(
        np.median(rows["torch, torch scan"].seconds) / np.median(rows[OURS].seconds)
    )


def test_a_training_step_trains():
    """Loss falls, with the optimiser and the groups of `seq2exp train`."""
    model = network("soft", "tiny", 2_000, "cpu")
    frozen = model.signal_betas.clone()
    before = model.encoder.layers[0].mixer.in_proj.weight.clone()
    step, windows = training_step(model), random_windows(2_000, 1, "cpu")
    torch.manual_seed(1)
    losses = [float(step(windows)) for _ in range(40)]
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    assert not torch.equal(before, model.encoder.layers[0].mixer.in_proj.weight)
    assert torch.equal(frozen, model.signal_betas)
