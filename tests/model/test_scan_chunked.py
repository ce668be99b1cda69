"""The chunk-parallel scan against the recurrence itself, position by position in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from seq2exp.model import scan
from seq2exp.model.scan import chunked

#: What float32 makes of terms that cancel: a share of the terms, not of their sum.
RESOLVED = 2e-6


def sequential(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """The definition: one position after the other, differentiable by autograd."""
    state = x.new_zeros(x.shape[0], *A.shape)
    out = []
    for t in range(x.shape[1]):
        decay = torch.exp(dt[:, t, :, None] * A)
        state = decay * state + (dt[:, t] * x[:, t])[:, :, None] * B[:, t, None, :]
        out.append((state * C[:, t, None, :]).sum(-1) + D * x[:, t])
    return torch.stack(out, 1)


def inputs(
    batch: int, length: int, channels: int, state: int, seed: int = 0, step: float = 0.1
) -> list[Tensor]:
    g = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)  # noqa: E731
    dt = step * torch.exp(normal(batch, length, channels))
    A = -torch.exp(normal(channels, state))
    return [
        normal(batch, length, channels),
        dt,
        A,
        normal(batch, length, state),
        normal(batch, length, state),
        normal(channels),
    ]


def close(got: Tensor, want: Tensor, rtol: float, atol: float = 1e-30) -> None:
    assert got.shape == want.shape
    off = (got.double() - want).abs().max().item()
    assert off < rtol * want.abs().max().item() + atol


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    length=st.integers(1, 200),
    channels=st.integers(1, 5),
    state=st.integers(1, 5),
    block=st.sampled_from([1, 500, 2**21]),
    seed=st.integers(0, 2**16),
)
def test_forward_and_gradients_equal_the_recurrence(batch, length, channels, state, block, seed):
    values = inputs(batch, length, channels, state, seed)
    # Drawn from the seed, so that a failure can be run again.
    generator = torch.Generator().manual_seed(seed + 1)
    weight = torch.randn(batch, length, channels, generator=generator, dtype=torch.float64)
    truth = [v.clone().requires_grad_() for v in values]
    want = sequential(*truth)
    (want * weight).sum().backward()
    mine = [v.float().requires_grad_() for v in values]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(chunked._BLOCK_ELEMENTS, "cpu", block)  # 1: blocks of 64 positions
        got = chunked.selective_scan(*mine)
        (got * weight.float()).sum().backward()
    x, *_, D = values
    close(got, want, 1e-5, RESOLVED * (D * x).abs().max().item())
    largest = max(v.grad.abs().max().item() for v in truth)
    for a, b in zip(mine, truth, strict=True):
        close(a.grad, b.grad, 2e-5, RESOLVED * largest)


def test_float64_gradients_are_exact_to_rounding():
    values = [v.requires_grad_() for v in inputs(2, 9, 2, 3)]
    assert torch.autograd.gradcheck(chunked.selective_scan, values)


@pytest.mark.parametrize("step", [1e-6, 1e-3, 1.0, 1e3])
def test_neither_tiny_nor_huge_steps_overflow(step):
    values = inputs(1, 3000, 2, 4, step=step)
    want = sequential(*values)
    mine = [v.float().requires_grad_() for v in values]
    got = chunked.selective_scan(*mine)
    got.sum().backward()
    close(got, want, 1e-5)
    assert all(bool(torch.isfinite(v.grad).all()) for v in mine if v.grad is not None)


def test_strided_inputs_and_half_precision():
    values = [v.float() for v in inputs(1, 50, 3, 4)]
    want = scan.selective_scan(*values, implementation="torch")
    x, dt, A, B, C, D = values
    both = torch.cat([B, C], -1)
    B, C = both.split(4, -1)  # views into one tensor, as the layer passes them
    x = x.transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.equal(scan.selective_scan(x, dt, A, B, C, D, implementation="torch"), want)
    half = scan.selective_scan(x.bfloat16(), dt, A, B, C, D, implementation="torch")
    assert half.dtype == torch.bfloat16
    close(half, want.double(), 2e-2)


class Largest(TorchDispatchMode):
    """Notes the number of elements of the largest tensor that any operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, Tensor):
                self.elements = max(self.elements, tensor.numel())
        return out


def test_no_tensor_of_all_states_is_ever_made():
    length, channels, state = 20_000, 4, 16
    x, dt, A, B, C, D = (v.float() for v in inputs(1, length, channels, state))
    with pytest.MonkeyPatch.context() as patch, Largest() as largest:
        patch.setitem(chunked._BLOCK_ELEMENTS, "cpu", 2**16)
        y = chunked.selective_scan(x.requires_grad_(), dt, A, B, C, D)
        y.sum().backward()
    # Inputs are length · state at most; a block's states and their padding are about 2^16.
    assert largest.elements <= length * state < length * channels * state / 3


def test_reverse_is_the_scan_of_the_flipped_sequence():
    values = inputs(2, 30, 3, 4)
    x, dt, A, B, C, D = values
    want = sequential(x.flip(1), dt.flip(1), A, B.flip(1), C.flip(1), D).flip(1)
    got = scan.selective_scan(*(v.float() for v in values), reverse=True, implementation="torch")
    close(got, want, 1e-5)
