"""Seq2Exp-coupled: the prediction reaches the mask, and what is closed reaches nothing."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from seq2exp.errors import InputError
from seq2exp.model.beta import BetaPrior, edit_mask
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Output, Seq2Exp, running_mean, smoothed
from seq2exp.training.objective import sparsity

LENGTH, PROMOTER = 240, 20


def network(make=ModelConfig.coupled, **changes) -> Seq2Exp:
    torch.manual_seed(1)
    return Seq2Exp(make("tiny", promoter=PROMOTER, window=LENGTH, **changes))


def inputs(batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(2)
    one_hot = functional.one_hot(torch.randint(0, 4, (batch, LENGTH)), 4).float()
    return one_hot, 3 * torch.rand(batch, LENGTH, 3), torch.randn(batch, 9)


def test_what_is_closed_reaches_nothing():
    model = network(signal_smooth=(1, 1, 1)).eval()
    one_hot, signals, features = inputs()
    mask = torch.rand(2, LENGTH)
    mask[:, 30:60] = 0
    other = one_hot.clone()
    other[:, 30:60] = other[:, 30:60].roll(1, -1)
    louder = signals.clone()
    louder[:, 30:60] += 5
    with torch.no_grad():
        before = model.predict(one_hot, signals, features, mask)
        assert torch.equal(model.predict(other, louder, features, mask), before)
        mask[:, 40] = 0.5
        assert not torch.equal(model.predict(other, louder, features, mask), before)


def test_every_open_base_reaches_the_head():
    model = network().eval()
    one_hot, signals, features = inputs(1)
    mask = torch.full((1, LENGTH), 0.5, requires_grad=True)
    (gradient,) = torch.autograd.grad(model.predict(one_hot, signals, features, mask).sum(), mask)
    outside = torch.ones(LENGTH, dtype=torch.bool)
    outside[model.promoter(LENGTH)] = False
    assert (gradient[0, outside] != 0).all()


def mask_gradients(model: Seq2Exp) -> tuple[float, float]:
    """Norms of the gradients at the posterior's alpha from the prediction and from sparsity."""
    model.train()
    torch.manual_seed(3)
    one_hot, signals, features = inputs()
    found = model.posterior_parameters(one_hot, signals)
    mask = model._mask(found.alpha, found.beta, None)
    prediction = model.predict(one_hot, signals, features, mask)
    fit = functional.smooth_l1_loss(prediction, torch.ones(2, 1))
    cost = sparsity(Output(prediction, mask, found.alpha, found.beta), model.config, 0.5)
    both = (torch.autograd.grad(part, found.alpha, retain_graph=True)[0] for part in (fit, cost))
    ours, theirs = (gradient.norm().item() for gradient in both)
    return ours, theirs


def test_the_prediction_moves_the_mask_as_it_does_not_in_the_published_network():
    ours, sparse = mask_gradients(network())
    published, published_kl = mask_gradients(network(ModelConfig.soft))
    assert ours / sparse > 100 * published / published_kl


@pytest.mark.parametrize("width", [1, 3, 41])
def test_the_posterior_is_a_running_mean(width):
    one_hot, signals, _ = inputs(1)
    plain = network(smooth=1, strength=0.0).eval()
    smooth = network(smooth=width, strength=0.0).eval()
    smooth.load_state_dict(plain.state_dict())
    with torch.no_grad():
        want = plain.posterior_parameters(one_hot, signals)
        got = smooth.posterior_parameters(one_hot, signals)
    for name in ("alpha", "beta"):
        values = getattr(want, name)[0].numpy()
        half = width // 2
        means = [values[max(0, i - half) : i + half + 1].mean() for i in range(LENGTH)]
        np.testing.assert_allclose(getattr(got, name)[0].numpy(), means, rtol=1e-4)


def test_the_strength_is_fixed_and_the_mean_is_what_it_would_be():
    one_hot, signals, _ = inputs(1)
    free, fixed = network(strength=0.0).eval(), network(strength=2.0).eval()
    with torch.no_grad():
        want = free.posterior_parameters(one_hot, signals)
        got = fixed.posterior_parameters(one_hot, signals)
    assert torch.allclose(got.alpha + got.beta, torch.full((1, LENGTH), 2.0))
    means = [found.alpha / (found.alpha + found.beta) for found in (want, got)]
    assert torch.allclose(*means, rtol=1e-5)
    assert not torch.allclose(want.alpha + want.beta, got.alpha + got.beta)


@pytest.mark.parametrize("width", [1, 2, 41, 601])
def test_running_means_are_means_of_what_there_is(width):
    if width == 2:
        with pytest.raises(InputError, match="odd"):
            network(signal_smooth=(width, 1, 1))
        return
    values = torch.rand(2, LENGTH, 3) * 20
    got = running_mean(values, width)
    half = width // 2
    for i in range(LENGTH):
        part = values[:, max(0, i - half) : i + half + 1].mean(1)
        assert torch.allclose(got[:, i], part, rtol=1e-5)


@pytest.mark.parametrize("log", [False, True])
def test_the_signals_are_smoothed_logged_and_scaled_before_anything_reads_them(log):
    one_hot, signals, features = inputs(1)
    usual = {"signal_smooth": (1, 1, 1), "signal_scale": (1.0, 1.0, 1.0), "signal_log": False}
    own = {"signal_smooth": (41, 1, 3), "signal_scale": (0.5, 2.0, 1.0), "signal_log": log}
    model, plain = network(**own).eval(), network(**usual).eval()
    plain.load_state_dict(model.state_dict())
    parts = [
        scale * (torch.log1p(mean) if log and i < 2 else mean)
        for i, (width, scale) in enumerate(((41, 0.5), (1, 2.0), (3, 1.0)))
        for mean in [running_mean(signals[..., i : i + 1], width)]
    ]
    with torch.no_grad():
        got = model(one_hot, signals, features)
        want = plain(one_hot, torch.cat(parts, -1), features)
    assert torch.allclose(got.prediction, want.prediction, atol=1e-6)
    assert got.mask is not None and want.mask is not None
    assert torch.allclose(got.mask, want.mask, atol=1e-6)


def test_means_that_are_given_are_not_averaged_again():
    one_hot, signals, features = inputs(1)
    model = network(signal_smooth=(41, 1, 3)).eval()
    means = smoothed(signals, (41, 1, 3))
    with torch.no_grad():
        want = model(one_hot, signals, features)
        with model.given_means():
            got = model(one_hot, means, features)
        assert torch.equal(got.prediction, want.prediction)
        assert not torch.equal(model(one_hot, means, features).prediction, want.prediction)


def test_nearly_closed_bases_are_not_pooled():
    model = network(pool_above=0.05).eval()
    one_hot, signals, features = inputs(1)
    outside = torch.ones(LENGTH, dtype=torch.bool)
    outside[model.promoter(LENGTH)] = False
    for value, pooled in ((0.05, False), (0.06, True)):
        mask = torch.full((1, LENGTH), value, requires_grad=True)
        hidden = []
        hook = model.pToExpr.register_forward_pre_hook(
            lambda _, given, h=hidden: h.append(given[0])
        )
        model.predict(one_hot, signals, features, mask)
        hook.remove()
        with torch.no_grad():
            inside = model.encoder(model._embed(one_hot, signals), gate=mask)
        promoter = inside[:, model.promoter(LENGTH)].mean(1)
        distal = hidden[0][:, : promoter.shape[1]] - promoter
        share = (value - 0.05) / 0.95
        want = share * inside[:, outside].sum(1) / model.config.pool_bases
        assert torch.allclose(distal, want, atol=1e-6)
        assert bool(distal.abs().max() > 1e-7) == pooled


def test_a_mask_that_is_held_is_neither_trained_nor_sampled():
    model = network().train()
    one_hot, signals, features = inputs()
    model.hold_mask()
    out = model(one_hot, signals, features)
    mean = edit_mask(out.alpha / (out.alpha + out.beta), None, model.promoter(LENGTH))
    assert torch.equal(out.mask, mean)
    out.prediction.sum().backward()
    moved = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert moved == {"encoder", "pToExpr"}
    model.hold_mask(False)
    assert not torch.equal(model(one_hot, signals, features).mask, mean)
    assert model.learns_mask


def test_the_sources_still_add_up_to_alpha_and_the_prior_tilts_it():
    one_hot, signals, _ = inputs(1)
    found = network().eval().posterior(one_hot, signals)
    np.testing.assert_allclose(found.evidence.sum(1), found.alpha, rtol=1e-5)
    denser = found.retilt(BetaPrior(2 * found.prior.a, found.prior.b))
    assert (denser.mean > found.mean).all()


@pytest.mark.parametrize("block", [1, 16, 100])
def test_one_value_is_sampled_for_a_block(block):
    model = network(sample_block=block).train()
    one_hot, signals, features = inputs(1)
    mask = model(one_hot, signals, features).mask[0].detach()
    part = model.promoter(LENGTH)
    for start in range(0, LENGTH, block):
        values = [
            mask[i]
            for i in range(start, min(start + block, LENGTH))
            if not part.start <= i < part.stop
        ]
        assert all(value == values[0] for value in values)
    assert len(mask.unique()) >= (LENGTH - PROMOTER) // block


def test_a_sampled_block_is_beta_distributed():
    model = network(sample_block=16)
    alpha, beta = torch.full((1, 160_000), 2.0), torch.full((1, 160_000), 6.0)
    values = model._sample(alpha, beta)[0, ::16]
    assert values.mean().item() == pytest.approx(0.25, abs=0.01)
    assert values.var().item() == pytest.approx(0.25 * 0.75 / 9, rel=0.06)


def test_a_hard_network_has_neither():
    for change in ({"mask_at": "layers"}, {"pooling": "all"}):
        with pytest.raises(InputError, match="soft variant alone"):
            ModelConfig.hard("tiny", **change)
    with pytest.raises(InputError, match="odd"):
        ModelConfig.soft("tiny", smooth=2)


def test_gradients_are_those_of_float64():
    model = network(sample_block=1).eval()
    one_hot, signals, features = inputs()

    def gradients(model: Seq2Exp, *given: Tensor) -> dict[str, Tensor]:
        model.zero_grad()
        out = model(*given)
        (out.prediction.square().mean() + out.mask.mean()).backward()
        return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

    ours = gradients(model, one_hot, signals, features)
    exact = gradients(model.double(), one_hot.double(), signals.double(), features.double())
    assert ours.keys() == exact.keys()
    for name, value in exact.items():
        off = (ours[name].double() - value).norm() / value.norm().clamp(min=1e-12)
        assert off < 1e-4, name
