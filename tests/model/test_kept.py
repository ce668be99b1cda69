"""Positions that are left out of a run: the whole window's result, from the torch modules."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import LAYERS, error, make_layer, needs_kernel

from seq2exp.model.config import ModelConfig
from seq2exp.model.kept import compact, left_out, mean_of_run
from seq2exp.model.mamba import Backbone
from seq2exp.model.scan import fused
from seq2exp.model.seq2exp import Seq2Exp

PROMOTER = 100


def open_runs(rng, batch, length, runs=4, longest=60):
    """Masks [batch, length] of a few open runs, closed elsewhere."""
    mask = torch.zeros(batch, length)
    for row in mask:
        for _ in range(rng.integers(0, runs + 1)):
            start = int(rng.integers(0, length))
            row[start : start + int(rng.integers(1, longest))] = 1
    return mask


def test_what_is_left_out_counted_by_hand():
    keep = torch.tensor([[0, 1, 1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, 0, 0, 0]], dtype=torch.bool)
    at = keep.nonzero(as_tuple=True)
    x = torch.arange(1.0, 5.0).unsqueeze(1)
    kept, lengths = compact(x, keep, at)
    assert kept.squeeze(-1).tolist() == [[1, 2, 3], [4, 0, 0]]
    assert lengths.tolist() == [3, 1]
    assert left_out(keep, at, lengths).tolist() == [[1, 0, 3, 1], [0, 7, 0, 0]]
    means = mean_of_run(kept, torch.tensor([1, 0]), torch.tensor([2, 0]))
    assert means.tolist() == [[2.5], [0.0]]


@needs_kernel
@settings(max_examples=40, deadline=None)
@given(
    **LAYERS,
    length=st.integers(1, 1500),
)
def test_a_layer_with_the_closed_rows_left_out(
    batch, length, width, state, conv, expand, seed, carried
):
    rng = np.random.default_rng(seed)
    layer = make_layer(width, state, conv, expand, seed)
    x = torch.randn(batch, length, width)
    residual = torch.randn_like(x) if carried else None
    gate = open_runs(rng, batch, length) * torch.rand(batch, length)
    reach = 2 * conv - 1
    near = torch.nn.functional.max_pool1d(gate.unsqueeze(1), reach, 1, conv - 1).squeeze(1) > 0
    near[:, 0] = True  # every sample keeps something
    at = near.nonzero(as_tuple=True)
    with torch.no_grad():
        whole = layer.double()(
            x.double(), None if residual is None else residual.double(), gate=gate.double()
        )[0]
        layer.float()
        kept, lengths = compact(x[at], near, at)
        carry = None if residual is None else compact(residual[at], near, at)[0]
        ours = layer(
            kept,
            carry,
            lengths,
            "auto",
            fused.Scratch(),
            gate=compact(gate[at].unsqueeze(-1), near, at)[0].squeeze(-1),
            skipped=left_out(near, at, lengths),
        )[0]
    assert error(ours[*(at[0], near.cumsum(1)[at] - 1)], whole[at]) < 1e-5


@needs_kernel
def test_the_limit_of_the_states_is_where_they_stay():
    weights = make_layer(8, seed=3)._weights()
    for direction in (weights.forward, weights.reverse):
        dt, states = (value.double() for value in fused.at_rest(direction))
        v = torch.nn.functional.silu(direction.conv_bias.double())
        b = (direction.x_proj.double() @ v)[1:17]
        moved = torch.exp(dt[:, None] * direction.A.double()) * states + (dt * v)[:, None] * b
        torch.testing.assert_close(moved, states, rtol=1e-5, atol=1e-6)


def network(**changes):
    torch.manual_seed(7)
    config = ModelConfig.soft("tiny", window=2_000, promoter=PROMOTER, width=12, **changes)
    model = Seq2Exp(config).eval().requires_grad_(False)
    for name, weight in model.named_parameters():
        factors = {"out_proj": 20, "x_proj": 6, "pToExpr": 3, "A_log": 0.1}
        weight.mul_(next((f for part, f in factors.items() if part in name), 1))
    return model


@needs_kernel
@pytest.mark.parametrize("length", [2_000, 1_500])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"predictor_layers": 3, "conv": 3},
        {"position_embedding": True},
        {"mask_at": "layers", "pooling": "all", "pool_above": 0.05, "predictor_layers": 2},
        {"mask_at": "layers", "signal_smooth": (31, 1, 1), "conv": 1},
        {"pooling": "all", "signal_scale": (0.5, 2.0, 1.0)},
    ],
    ids=lambda changes: "-".join(changes) or "soft",
)
def test_a_hard_mask_gives_the_whole_windows_prediction(changes, length):
    model = network(**changes)
    rng = np.random.default_rng(1)
    one_hot = torch.eye(5, 4)[torch.from_numpy(rng.integers(0, 5, (3, length)))]
    signals = torch.from_numpy(rng.gamma(1, 1.5, (3, length, 3)).astype(np.float32))
    features = torch.randn(3, 9)
    mask = open_runs(rng, 3, length, runs=6)
    mask[:, model.promoter(length)] = 1
    mask[1, length // 2 - 10 : length // 2 + 400] = 0  # the promoter's middle, too
    ran = []
    hook = model.encoder.layers[0].register_forward_pre_hook(
        lambda _, given: ran.append(given[0].shape[1])
    )
    with torch.no_grad():
        ours = model.predict(one_hot, signals, features, mask)
        model.use_scan("torch")
        whole = model.predict(one_hot, signals, features, mask)
    hook.remove()
    assert ran[0] < length / 2 and ran[1] == length
    torch.testing.assert_close(ours, whole, rtol=0, atol=2e-6)
    assert len(set(whole.flatten().tolist())) == 3


@needs_kernel
def test_only_what_pays_and_needs_no_gradient_is_left_out():
    x, closed = torch.randn(1, 50, 16), Backbone(16, 1, 16, 4, 2, 4)
    assert not closed.leaves_out(x)
    with torch.no_grad():
        assert closed.leaves_out(x)
        assert not closed.leaves_out(x.double())
        closed.scan = "torch"
        assert not closed.leaves_out(x)
    model, ran = network(), []
    model.encoder.layers[0].register_forward_pre_hook(
        lambda _, given: ran.append(given[0].shape[1])
    )
    half = torch.ones(1, 2_000)
    half[:, 1_100:] = 0
    with torch.no_grad():
        model.predict(torch.zeros(1, 2_000, 4), torch.zeros(1, 2_000, 3), torch.zeros(1, 9), half)
    assert ran == [2_000]
