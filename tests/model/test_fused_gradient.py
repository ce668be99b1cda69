"""The fused layer's gradient against float64 autograd through the torch modules."""

import copy
import logging
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import LAYERS, compiler_for, make_layer, needs_kernel, older_processors
from torch import Tensor

from seq2exp.model.config import ModelConfig
from seq2exp.model.mamba import Backbone, Layer
from seq2exp.model.scan import fused, fused_gradient
from seq2exp.model.seq2exp import Seq2Exp


def gradients(
    layer: Layer, given: dict[str, Tensor], lengths: Tensor | None, scratch: fused.Scratch | None
) -> dict[str, Tensor]:
    """Of a random weighting of both outputs: with respect to the inputs and every weight."""
    x, residual = given["x"].requires_grad_(), given.get("residual")
    if residual is not None:
        residual.requires_grad_()
    gate = given.get("gate")
    if gate is not None:
        gate.requires_grad_()
    out, total = layer(x, residual, lengths, "torch", scratch, None, gate)
    loss = (out * given["out"]).sum() + (total * given["sum"]).sum()
    inputs = {"x": x, "residual": residual, "gate": gate}
    wanted = {name: value for name, value in inputs.items() if value is not None}
    wanted |= dict(layer.named_parameters())
    return dict(zip(wanted, torch.autograd.grad(loss, list(wanted.values())), strict=True))


def assert_right(layer: Layer, given: dict[str, Tensor], lengths: Tensor | None) -> None:
    """Within 1e-5 of float64, relative to each gradient; where the terms of one cancel (small
    layers draw such), within what float32 resolves of the largest of them."""
    if lengths is not None:  # what follows them is not part of any result
        inside = torch.arange(given["x"].shape[1]) < lengths[:, None]
        given["out"] = given["out"] * inside.unsqueeze(-1)
    ours = gradients(layer, given, lengths, fused.Scratch())
    wide = {name: value.detach().double() for name, value in given.items()}
    truth = gradients(copy.deepcopy(layer).double(), wide, lengths, None)
    resolved = 2e-7 * max(value.norm().item() for value in truth.values())
    for name, value in truth.items():
        assert ours[name].shape == value.shape
        off = (ours[name].double() - value).norm().item()
        assert off < 1e-5 * value.norm().item() + resolved, f"{name}: {off:.2e}"


def error(value: Tensor, truth: Tensor) -> float:
    return ((value.double() - truth).norm() / truth.norm().clamp(min=1e-30)).item()


def random(
    batch: int, length: int, width: int, carried: bool = True, gated: bool = False
) -> dict[str, Tensor]:
    names = ["x", "out", "sum", *(["residual"] if carried else [])]
    gate = {"gate": torch.rand(batch, length)} if gated else {}
    return {name: torch.randn(batch, length, width) for name in names} | gate


# ---- Numbers -------------------------------------------------------------------------------------


@needs_kernel
@settings(max_examples=40, deadline=None)
@given(
    **LAYERS,
    length=st.integers(1, 500),
    padded=st.booleans(),
    gated=st.booleans(),
)
def test_random_shapes(
    batch: int,
    length: int,
    width: int,
    state: int,
    conv: int,
    expand: int,
    seed: int,
    carried: bool,
    padded: bool,
    gated: bool,
) -> None:
    layer = make_layer(width, state, conv, expand, seed)
    lengths = torch.randint(1, length + 1, (batch,)) if padded else None
    assert_right(layer, random(batch, length, width, carried, gated), lengths)


@needs_kernel
@pytest.mark.parametrize("width", [32, 128])
@pytest.mark.parametrize("length", [1, 2, 3, 64, 65, 191, 192, 193, 384, 385, 387, 1501])
def test_the_models_widths_at_lengths_around_the_chunks(width: int, length: int) -> None:
    assert_right(make_layer(width), random(1, length, width), None)


@needs_kernel
@pytest.mark.parametrize("shape", [(1, 1, 2), (2, 7, 13), (3, 5000, 32), (0, 4, 8)])
@pytest.mark.parametrize("carried", [False, True])
def test_the_last_norm(shape: tuple[int, int, int], carried: bool) -> None:
    torch.manual_seed(0)
    tensors = [3 * torch.randn(shape), torch.randn(shape[-1]), torch.randn(shape)]
    weighting = torch.randn(shape)
    grads = []
    for dtype in (torch.float32, torch.float64):
        x, weight, more = (value.to(dtype).requires_grad_() for value in tensors)
        residual = more if carried else None
        if dtype == torch.float32:
            out = fused_gradient.norm(x, residual, weight, 1e-5)
        else:
            total = x + more if carried else x
            out = total / (total.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight
        wanted = [x, weight, *([more] if carried else [])]
        grads.append(torch.autograd.grad((out * weighting).sum(), wanted))
    for mine, truth in zip(*grads, strict=True):
        assert mine.shape == truth.shape and error(mine, truth) < 1e-5


@needs_kernel
def test_the_same_bits_whatever_the_threads() -> None:
    layer, given = make_layer(32), random(2, 3000, 32)
    lengths = torch.tensor([3000, 1234])
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 5, 2):
            torch.set_num_threads(threads)
            results.append(gradients(layer, given, lengths, fused.Scratch()))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for name, value in results[0].items():
            assert torch.equal(value, other[name]), name


@needs_kernel
def test_rows_that_do_not_count_pass_the_carried_gradient_on() -> None:
    layer, given = make_layer(8), random(2, 50, 8)
    got = gradients(layer, given, torch.tensor([30, 0]), fused.Scratch())
    for name in ("x", "residual"):
        assert torch.equal(got[name][0, 30:], given["sum"][0, 30:])
        assert torch.equal(got[name][1], given["sum"][1])


@needs_kernel
@pytest.mark.parametrize("name", ["mixer.in_proj.weight", "mixer.mamba_rev.A_log", "norm.weight"])
def test_what_is_no_number_is_not_hidden(name: str) -> None:
    layer = make_layer(16)
    with torch.no_grad():
        layer.get_parameter(name)[-1] = float("nan")
    got = gradients(layer, random(1, 60, 16), None, fused.Scratch())
    assert bool(got["x"].isnan().any())


@needs_kernel
@pytest.mark.parametrize("shape", [(0, 5, 8), (2, 0, 8)])
def test_nothing_to_do(shape: tuple[int, int, int]) -> None:
    got = gradients(make_layer(8), random(*shape), None, fused.Scratch())
    assert got["x"].shape == shape
    assert not any(value.any() for value in got.values())


@needs_kernel
def test_double_backward_is_refused() -> None:
    layer, x = make_layer(8), torch.randn(1, 20, 8, requires_grad=True)
    out = layer(x, None, None, "auto", fused.Scratch())[0]
    (first,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        first.sum().backward()


@needs_kernel
@older_processors
def test_narrower_vectors(
    anew: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setenv("CXX", str(compiler_for(target, tmp_path)))
    for width, state, length in ((32, 16, 500), (13, 5, 100), (128, 16, 60)):
        assert_right(
            make_layer(width, state), random(2, length, width), torch.tensor([length, length // 3])
        )
    assert fused_gradient.LIBRARY.get().lanes == (8 if target == "haswell" else 4)


# ---- The choice ----------------------------------------------------------------------------------


@needs_kernel
@pytest.mark.parametrize("variant", ["soft", "hard"])
def test_a_training_step_has_the_gradients_of_float64(variant: str) -> None:
    torch.manual_seed(0)
    config = ModelConfig(
        variant=variant, width=24, generator_layers=2, predictor_layers=2, promoter=20, window=400
    )
    net = Seq2Exp(config).eval()
    one_hot = torch.nn.functional.one_hot(torch.randint(0, 4, (2, 400)), 4).float()
    given = one_hot, torch.rand(2, 400, 3), torch.randn(2, 9)

    def step(net: Seq2Exp, *given: Tensor) -> dict[str, Tensor]:
        net.zero_grad()
        out = net(*given)
        (out.prediction.square().mean() + out.mask.mean() + out.alpha.mean()).backward()
        return {n: p.grad.clone() for n, p in net.named_parameters() if p.grad is not None}

    ours = step(net, *given)
    truth = step(copy.deepcopy(net).double(), *(value.double() for value in given))
    assert ours.keys() == truth.keys() and len(ours) > 30
    for name, value in truth.items():
        assert error(ours[name], value) < 2e-4, name


def test_without_a_compiler_the_modules_take_over(
    anew: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "")
    torch.manual_seed(0)
    net, x = Backbone(8, 2, 16, 4, 2, 4), torch.randn(1, 40, 8)
    with caplog.at_level(logging.WARNING):
        net(x).square().sum().backward()
    ours = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    net.zero_grad()
    net.double()(x.double()).square().sum().backward()
    for mine, parameter in zip(ours, net.parameters(), strict=True):
        torch.testing.assert_close(mine.double(), parameter.grad, rtol=1e-3, atol=1e-5)
    assert len([m for m in caplog.messages if "layer kernel" in m]) == 1
