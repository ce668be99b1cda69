"""The backbone against the float64 numpy recurrence, its counts and its starting values."""

import math

import numpy as np
import numpy_network
import pytest
import torch
from released_layout import arrays, random_model

from seq2exp.model.config import ModelConfig
from seq2exp.model.mamba import Backbone, BiMamba, Layer, Mamba
from seq2exp.model.seq2exp import Seq2Exp


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_parameter_counts_of_the_paper():
    mixer = BiMamba(128, 16, 4, 2, 64)
    one_direction = count(mixer) - count(mixer.mamba_rev)
    assert one_direction == 116_480
    assert count(mixer) == 134_656
    assert count(Layer(128, 16, 4, 2, 64)) == 134_784
    assert count(Backbone(128, 4, 16, 4, 2, 64)) == 539_264


@pytest.mark.parametrize("depth", [64, 4])
def test_starting_values(depth):
    torch.manual_seed(0)
    mixer = BiMamba(128, 16, 4, 2, depth)
    bound = 1 / 16 / math.sqrt(depth)
    assert mixer.out_proj.weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
    assert mixer.in_proj.weight.abs().max().item() == pytest.approx(128**-0.5, rel=1e-3)
    for direction in (mixer.mamba_fwd, mixer.mamba_rev):
        want = np.log(np.arange(1, 17))
        np.testing.assert_allclose(direction.A_log.detach(), np.tile(want, (256, 1)), rtol=1e-6)
        assert bool((direction.D == 1).all())
        assert direction.dt_proj.weight.abs().max().item() == pytest.approx(8**-0.5, rel=1e-2)
        dt = torch.nn.functional.softplus(direction.dt_proj.bias)
        assert 0.001 * 0.999 <= dt.min().item() and dt.max().item() <= 0.1 * 1.001
        # log-uniform: half lie below the geometric mean
        assert (dt < 0.01).float().mean().item() == pytest.approx(0.5, abs=0.12)
    assert bool((Layer(128, 16, 4, 2, depth).norm.weight == 1).all())


@pytest.mark.parametrize("length", [1, 2, 3, 70])
def test_equals_the_recurrence_in_numpy(length):
    model = random_model(ModelConfig.soft("tiny", promoter=2, generator_layers=2))
    x = torch.randn(2, length, 8)
    with torch.no_grad():
        got = model.generator(x)
    for i in range(2):
        want = numpy_network.backbone(arrays(model), "generator.", x[i].double().numpy())
        np.testing.assert_allclose(got[i], want, rtol=2e-4, atol=2e-5)


def test_reverse_direction_sees_the_future_alone():
    torch.manual_seed(0)
    mamba = Mamba(8, 4, 4, 2)
    x = torch.randn(1, 20, 16, requires_grad=True)
    for reverse, reached in ((False, range(0, 11)), (True, range(10, 20))):
        (grad,) = torch.autograd.grad(mamba(x, reverse=reverse, valid=None)[0, 10].sum(), x)
        assert grad[0].abs().sum(-1).nonzero().flatten().tolist() == list(reached)


def test_lengths_shut_the_padding_out():
    model = random_model(ModelConfig.soft("tiny", generator_layers=3))
    net = model.generator
    x, lengths = torch.randn(3, 40, 8), torch.tensor([40, 25, 1])
    with torch.no_grad():
        together, released = net(x, lengths), net(x)
        for i, n in enumerate(lengths.tolist()):
            alone = net(x[i : i + 1, :n])
            torch.testing.assert_close(together[i, :n], alone[0], rtol=1e-5, atol=1e-6)
    assert (released[1, :25] - together[1, :25]).abs().max() > 1e-3


def test_some_rows_are_those_of_all():
    net = random_model(ModelConfig.soft("tiny", generator_layers=2)).generator
    x = torch.randn(2, 30, 8)
    for scan in ("auto", "torch"):
        net.scan = scan
        for gradient in (False, True):
            with torch.set_grad_enabled(gradient):
                torch.testing.assert_close(net(x, rows=slice(10, 14)), net(x)[:, 10:14])


def test_running_layers_again_changes_no_gradient():
    model = random_model(ModelConfig.soft("tiny", generator_layers=2))
    net, x = model.generator, torch.randn(2, 30, 8)
    net.scan = "torch"
    gradients = []
    for recompute in (False, True):
        net.recompute = recompute
        net.zero_grad()
        net(x).square().sum().backward()
        gradients.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(list(net.parameters()))
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_long_training_inputs_are_recomputed_short_ones_are_not():
    net = Seq2Exp(ModelConfig.soft("tiny")).generator
    long = torch.empty(8, 1_000_000, 8, device="meta")
    assert net._recomputes(long)
    assert not net._recomputes(long[:, :1000])
    with torch.no_grad():
        assert not net._recomputes(long)
