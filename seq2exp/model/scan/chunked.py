"""The selective scan in pure PyTorch, parallel over chunks of the sequence.

The sequence is cut into blocks, and a block into K chunks of T positions. All chunks of a block
step through their T positions together, so there are T short Python steps on large tensors instead
of one step per base. A first pass from rest gives each chunk's final state; chaining those gives
each chunk's true start; a second pass runs from there. Only products of decays in (0, 1] are ever
taken, so nothing can overflow, whatever the length and the step sizes.

States exist for one block at a time. The gradient keeps the state at each block's start and
computes the rest again, so memory beyond the inputs hardly grows with the sequence's length.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Elements of [block, channels, state] held at a time: what fits caches, or fills a GPU.
_BLOCK_ELEMENTS = {"cpu": 2**21, "cuda": 2**27}


def available() -> bool:
    """Return True: PyTorch is always there."""
    return True


def selective_scan(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, *, reverse: bool = False
) -> Tensor:
    """Run the scan; shapes as in `seq2exp.model.scan.selective_scan`, all of one floating dtype."""
    if reverse:
        x, dt, B, C = (value.flip(1) for value in (x, dt, B, C))
    y = _Scan.apply(x, dt, A, B, C, D)
    return y.flip(1) if reverse else y


def _blocks(x: Tensor, state: int) -> Iterator[tuple[slice, int, int]]:
    """Yield (positions, K, T) of each block; K·T covers the positions, the excess is padding."""
    batch, length, channels = x.shape
    budget = _BLOCK_ELEMENTS.get(x.device.type, _BLOCK_ELEMENTS["cuda"])
    block = min(length, max(64, budget // (batch * channels * state)))
    for start in range(0, length, block):
        size = min(block, length - start)
        steps = math.isqrt(size - 1) + 1
        yield slice(start, start + size), -(-size // steps), steps


def _fold(value: Tensor, where: slice, chunks: int, steps: int) -> Tensor:
    """Cut [batch, length, n] at `where` into [T, batch, K, n], zero-padded at the end.

    A padded position has dt = 0: decay 1 and no input, so it hands the state on unchanged.
    """
    part = value[:, where]
    excess = chunks * steps - part.shape[1]
    if excess:
        part = torch.nn.functional.pad(part, (0, 0, 0, excess))
    return part.unflatten(1, (chunks, steps)).permute(2, 0, 1, 3)


def _unfold(value: Tensor, size: int) -> Tensor:
    """Undo `_fold`: [T, batch, K, n] to [batch, size, n]."""
    return value.permute(1, 2, 0, 3).flatten(1, 2)[:, :size]


def _states(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, carry: Tensor) -> tuple[Tensor, ...]:
    """Return what happens in one block that starts from the state `carry`.

    Decays and states [T, batch, K, channels, state]; the decay through each whole chunk and the
    state before it [batch, K, channels, state]; the state after the block [batch, channels, state].
    """
    decay = (dt.unsqueeze(-1) * A).exp_()
    states = (dt * x).unsqueeze(-1) * B.unsqueeze(-2)  # the inflow, turned into states in place
    last = states[0].clone()
    for t in range(1, len(states)):
        torch.addcmul(states[t], decay[t], last, out=last)
    through = (dt.sum(0).unsqueeze(-1) * A).exp_()  # [batch, K, channels, state]
    starts = torch.empty_like(last)
    for k in range(last.shape[1]):
        starts[:, k] = carry
        carry = torch.addcmul(last[:, k], through[:, k], carry)
    states[0].addcmul_(decay[0], starts)
    for t in range(1, len(states)):
        states[t].addcmul_(decay[t], states[t - 1])
    return decay, states, through, starts, carry


def _adjoints(decay: Tensor, through: Tensor, inflow: Tensor, carry: Tensor) -> tuple[Tensor, ...]:
    """Turn dL/ds through y alone into dL/ds in full, in place, going back in time.

    `carry` is what arrives at the block's last position from later blocks; what leaves through the
    block's first position is returned with the result.
    """
    first = inflow[-1].clone()
    for t in range(len(inflow) - 2, -1, -1):
        torch.addcmul(inflow[t], decay[t + 1], first, out=first)
    first.mul_(decay[0])
    arriving = torch.empty_like(first)
    for k in range(first.shape[1] - 1, -1, -1):
        arriving[:, k] = carry
        carry = torch.addcmul(first[:, k], through[:, k], carry)
    inflow[-1].add_(arriving)
    for t in range(len(inflow) - 2, -1, -1):
        inflow[t].addcmul_(decay[t + 1], inflow[t + 1])
    return inflow, carry


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor
    ) -> Tensor:
        carry = x.new_zeros(x.shape[0], *A.shape)
        y = x * D
        starts = []
        for where, chunks, steps in _blocks(x, A.shape[1]):
            starts.append(carry)
            x_, dt_, B_, C_ = (_fold(value, where, chunks, steps) for value in (x, dt, B, C))
            _, states, _, _, carry = _states(x_, dt_, A, B_, carry)
            out = torch.matmul(states, C_.unsqueeze(-1)).squeeze(-1)  # [T, batch, K, channels]
            y[:, where] += _unfold(out, where.stop - where.start)
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(x, dt, A, B, C, D, *starts)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
        x, dt, A, B, C, D, *starts = ctx.saved_tensors
        dx, dD = dy * D, (dy * x).sum((0, 1))
        d_dt, dA = torch.empty_like(dt), torch.zeros_like(A)
        dB, dC = torch.empty_like(B), torch.empty_like(C)
        carry = torch.zeros_like(starts[0])
        for (where, chunks, steps), start in zip(
            reversed(list(_blocks(x, A.shape[1]))), reversed(starts), strict=True
        ):
            size = where.stop - where.start
            x_, dt_, B_, C_, dy_ = (_fold(v, where, chunks, steps) for v in (x, dt, B, C, dy))
            decay, states, through, before, _ = _states(x_, dt_, A, B_, start)
            dC[:, where] = _unfold(torch.matmul(dy_.unsqueeze(-2), states).squeeze(-2), size)
            grad, carry = _adjoints(
                decay, through, dy_.unsqueeze(-1) * C_.unsqueeze(-2), carry
            )  # dL/ds, [T, batch, K, channels, state]
            dB[:, where] = _unfold(torch.matmul((dt_ * x_).unsqueeze(-2), grad).squeeze(-2), size)
            inflow = torch.matmul(grad, B_.unsqueeze(-1)).squeeze(-1)  # dL/d(dt·x)
            # dL/d(dt·A) = dL/ds ∘ decay ∘ previous state, in the memory of the decays.
            decay[0] *= before
            decay[1:] *= states[:-1]
            decay *= grad
            dA += torch.einsum("tbkcn,tbkc->cn", decay, dt_)
            dx[:, where] += _unfold(inflow * dt_, size)
            d_dt[:, where] = _unfold(inflow * x_ + (decay * A).sum(-1), size)
        return dx, d_dt, dA, dB, dC, dD
