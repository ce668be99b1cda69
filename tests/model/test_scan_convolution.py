"""The causal convolution against its sum, written out in float64."""

import importlib.util

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from seq2exp.model.scan.convolution import available, causal_conv


def written_out(x: Tensor, weight: Tensor, bias: Tensor | None, reverse: bool) -> Tensor:
    taps, out = weight.shape[-1], torch.zeros_like(x)
    for t in range(x.shape[1]):
        for back in range(taps):
            at = t + back if reverse else t - back
            if 0 <= at < x.shape[1]:
                out[:, t] += weight[:, 0, taps - 1 - back] * x[:, at]
    out = out if bias is None else out + bias
    return out / (1 + torch.exp(-out))


def problem(length: int, channels: int, taps: int, seed: int = 0) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(seed)
    shapes = (2, length, channels), (channels, 1, taps), (channels,)
    return tuple(torch.randn(shape, generator=random) for shape in shapes)


@given(
    length=st.integers(1, 12),
    channels=st.integers(1, 5),
    taps=st.integers(1, 6),
    seed=st.integers(0, 2**32),
    reverse=st.booleans(),
    biased=st.booleans(),
)
def test_every_shape(
    length: int, channels: int, taps: int, seed: int, reverse: bool, biased: bool
) -> None:
    x, weight, bias = problem(length, channels, taps, seed)
    given_bias = bias if biased else None
    got = causal_conv(x, weight, given_bias, reverse)
    want = written_out(x.double(), weight.double(), bias.double() if biased else None, reverse)
    assert got.shape == x.shape
    torch.testing.assert_close(got.double(), want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients(reverse: bool) -> None:
    values = tuple(value.double().requires_grad_() for value in problem(6, 3, 4))
    assert torch.autograd.gradcheck(lambda *v: causal_conv(*v, reverse), values)


def test_tensors_in_main_memory_take_pytorch_s_whatever_the_scan() -> None:
    x, weight, bias = problem(9, 4, 4)
    plain = causal_conv(x, weight, bias, implementation="torch")
    assert torch.equal(causal_conv(x, weight, bias, implementation="mamba_ssm"), plain)


@pytest.mark.skipif(
    not torch.cuda.is_available() or importlib.util.find_spec("causal_conv1d") is None,
    reason="needs the package causal_conv1d and a GPU",
)
@pytest.mark.parametrize("reverse", [False, True])
def test_the_package_agrees_with_pytorch(reverse: bool) -> None:
    assert available()
    x, weight, bias = (value.cuda() for value in problem(300, 16, 4))
    package = causal_conv(x, weight, bias, reverse, implementation="mamba_ssm")
    torch.testing.assert_close(package, causal_conv(x, weight, bias, reverse), rtol=1e-4, atol=1e-4)
