"""The selective scan on a GPU: Triton kernels, parallel over chunks of the sequence.

Forward takes three passes. Every chunk is swept from rest; its last state and its sum of dt say
what it does to any state that enters it, s → exp(A · Σdt) · s + last. A short pass over the chunks
chains these, which gives every chunk the state it really starts from. A second sweep runs from
there and writes y. The gradient goes the same way backwards: sweep, chain, and then the gradients,
for which the states are computed again from the chunks' starts. No sum depends on the order in
which programs run, so results are the same from run to run.

Bytes moved for each position and channel in float32, with 16 states and chunks of 256 steps (B
and C are shared by all channels and mostly come from the L2 cache):

=========  =================================================  =====  ======================
pass       reads and writes                                   bytes  least a kernel can move
=========  =================================================  =====  ======================
forward    x, dt · x, dt, y · 1 for the chunks' ends             21  12: x, dt, y
backward   dt, dy · x, dt, marks · x, dt, dy, marks, dx, d_dt
           · 1 for the chunks' ends, 8 for parts of dB, dC       77  20: x, dt, dy, dx, d_dt
=========  =================================================  =====  ======================

With x, y, B and C in bfloat16 and dt in float32, as autocast gives them, forward moves 15. But
arithmetic weighs more: compiled for an H100, a state's step is 13 instructions in a sweep from
rest, 16 in the one to y and 33 in the gradient's pass, and one of them in each is the exponential,
of which an SM does 16 a cycle.
"""

import logging
import math
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

logger = logging.getLogger(__name__)

# A program is one warp with a chunk of a block of channels. 200,000 positions of 256 channels make
# 782 chunks of 256 steps times 8 blocks, 6,256 programs; an H100 holds 12 or so on each of its 132
# SMs (their registers are the limit), 1,600 at once. Longer chunks would leave SMs idle at the end,
# shorter ones make more ends to write and to chain, so they are for short sequences alone.
STEPS, FEWEST_STEPS, PROGRAMS = 256, 32, 2048
# Tile of states: 16 x 32 are 16 registers a lane. With fewer channels rows are less than a cache
# line; with more, what the gradient holds no longer fits a lane's 255 registers.
BLOCK, TILE = 32, 512
# Steps whose inputs are read together, and whose states the gradient holds together.
AHEAD = 4
# Chunks whose ends are read together in the chain, which would wait for memory otherwise.
CHUNKS_AHEAD = 32
OPTIONS = {"num_warps": 1, "enable_fp_fusion": True}
# Floats of states (before every 4th step) that the gradient keeps at a time: 256 MiB.
MARKS = 2**26


@cache
def available() -> bool:
    """Return whether the kernels run on this machine's GPU; the first call tries a small scan.

    Triton compiles for the GPU at hand and needs a C compiler to launch what it made. Where the
    trial fails one logged line says why.
    """
    if not torch.cuda.is_available():
        return False
    try:
        _try("cuda")
        torch.cuda.synchronize()
    except Exception as error:  # Triton and the tools that it calls fail in many ways
        logger.warning("no Triton scan on this GPU: %s: %s", type(error).__name__, error)
        return False
    return True


def _try(device: str) -> None:
    """Run every kernel once; the caller may well be about to run without gradient."""
    with torch.inference_mode(False), torch.enable_grad():
        x = torch.ones(1, 4, BLOCK, device=device, requires_grad=True)
        A, B = -torch.ones(BLOCK, 16, device=device), torch.ones(1, 4, 16, device=device)
        selective_scan(x, x, A, B, B, A[:, 0]).sum().backward()


class _Problem:
    """The shapes of one scan, how it is cut, and the kernels' arguments that follow from them."""

    def __init__(self, x: Tensor, A: Tensor, reverse: bool) -> None:
        self.batch, self.length, self.channels = x.shape
        self.state = A.shape[1]
        tile_state = 1 << (self.state - 1).bit_length()
        block = min(BLOCK, max(16, TILE // tile_state))
        self.blocks = -(-self.channels // block)
        self.steps = STEPS
        while self.steps > FEWEST_STEPS and self.programs() < PROGRAMS:
            self.steps //= 2
        self.chunks = -(-self.length // self.steps)
        self.rates = (A.detach().float() * math.log2(math.e)).t().contiguous()  # [state, channels]
        self.constants = {
            "REVERSE": reverse,
            "AHEAD": AHEAD,
            "STATE": tile_state,
            "BLOCK": block,
            **OPTIONS,
        }

    def programs(self) -> int:
        return self.batch * self.blocks * -(-self.length // self.steps)

    def sizes(self, first: int, here: int) -> tuple[int, ...]:
        """Return the kernels' sizes for `here` chunks from `first` on."""
        cut = self.steps, self.chunks, first, here, self.blocks
        return self.length, self.channels, self.state, *cut

    def grid(self, here: int) -> tuple[int, int]:
        return here * self.blocks, self.batch

    def sweep(
        self,
        inputs: tuple[Tensor, ...],
        D: Tensor,
        edges: Tensor,
        sums: Tensor,
        y: Tensor | None = None,
        marks: Tensor | None = None,
        *,
        first: int = 0,
        here: int | None = None,
        adjoint: bool = False,
    ) -> None:
        """Launch `sweep` on dt, x, B, C; to y, to marks, or, with neither, to `edges`, `sums`."""
        from seq2exp.model.scan import triton_kernels as kernels

        here = self.chunks if here is None else here
        dt, x, B, C = inputs
        kernels.sweep[self.grid(here)](
            *(dt, x, self.rates, B, C, D, edges, sums),
            *(edges if y is None else y, edges if marks is None else marks),
            *self.sizes(first, here),
            *(stride for value in inputs for stride in value.stride()[:2]),
            ADJOINT=adjoint,
            FROM_REST=y is None and marks is None,
            OUTPUT=y is not None,
            MARKS=marks is not None,
            **self.constants,
        )

    def ends(
        self, inputs: tuple[Tensor, ...], D: Tensor, *, adjoint: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return what enters each chunk and sums of dt, from sweeps that begin at rest."""
        from seq2exp.model.scan import triton_kernels as kernels

        new = self.rates.new_empty
        edges = new(self.batch, self.chunks, self.state, self.channels)
        sums = new(self.batch, self.chunks, self.channels)
        self.sweep(inputs, D, edges, sums, adjoint=adjoint)
        states = self.state * self.channels
        kernels.chain[-(-states // 32), self.batch](
            *(edges, sums, self.rates, self.channels, states, self.chunks),
            ADJOINT=adjoint,
            AHEAD=CHUNKS_AHEAD,
            BLOCK=32,
            **OPTIONS,
        )
        return edges, sums


class _Gradients(NamedTuple):
    d_dt: Tensor
    x: Tensor
    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor


def _rows(value: Tensor) -> Tensor:
    """Return `value` with a contiguous last axis; views that have one stay as they are."""
    value = value.detach()
    return value if value.stride(-1) == 1 else value.contiguous()


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, reverse: bool
    ) -> Tensor:
        problem = _Problem(x, A, reverse)
        inputs = tuple(_rows(value) for value in (dt, x, B, C))
        skip = D.detach().float().contiguous()
        y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
        with torch.cuda.device_of(x):
            edges, sums = problem.ends(inputs, skip)
            problem.sweep(inputs, skip, edges, sums, y)
        ctx.reverse = reverse
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(x, dt, A, B, C, D, edges)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        from seq2exp.model.scan import triton_kernels as kernels

        x, dt, A, B, C, D, starts = ctx.saved_tensors
        problem = _Problem(x, A, ctx.reverse)
        steps, batch, state = problem.steps, problem.batch, problem.state
        dt_, x_, B_, C_, dy = (_rows(value) for value in (dt, x, B, C, grad))
        skip = D.detach().float().contiguous()
        new = problem.rates.new_empty
        parts = problem.blocks, batch, problem.length, state
        out = _Gradients(
            torch.empty(x.shape, dtype=dt.dtype, device=x.device),
            torch.empty(x.shape, dtype=x.dtype, device=x.device),
            torch.empty_like(starts),
            *(new(parts), new(parts)),
            new(batch, problem.chunks, problem.channels),
        )
        marks_of_chunk = batch * (steps // AHEAD) * state * problem.channels
        span = min(problem.chunks, max(1, MARKS // marks_of_chunk))
        marks = new(span * marks_of_chunk)
        with torch.cuda.device_of(x):
            arriving, sums = problem.ends((dt_, dy, C_, C_), skip, adjoint=True)
            for first in range(0, problem.chunks, span):
                here = min(span, problem.chunks - first)
                problem.sweep(
                    (dt_, x_, B_, C_), skip, starts, sums, marks=marks, first=first, here=here
                )
                strides = [s for value in (dt_, x_, dy, B_, C_) for s in value.stride()[:2]]
                kernels.gradient[problem.grid(here)](
                    *(dt_, x_, dy, problem.rates, B_, C_, skip, arriving, marks, *out),
                    *problem.sizes(first, here),
                    *strides,
                    **problem.constants,
                )
        return (
            out.x,
            out.d_dt,
            out.A.sum((0, 1)).t().to(A.dtype),
            out.B.sum(0).to(B.dtype),
            out.C.sum(0).to(C.dtype),
            out.D.sum((0, 1)).to(D.dtype),
            None,
        )


def _check(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> None:
    """Raise for what the kernels, which follow pointers, would read past the end of."""
    batch, length, channels = x.shape
    state = A.shape[-1]
    for name, tensor, shape in (
        ("dt", dt, (batch, length, channels)),
        ("A", A, (channels, state)),
        ("B", B, (batch, length, state)),
        ("C", C, (batch, length, state)),
        ("D", D, (channels,)),
    ):
        if tensor.shape != shape:
            raise ValueError(f"{name} must be {list(shape)}, not {list(tensor.shape)}")
        if tensor.device != x.device:
            raise ValueError(f"{name} is on {tensor.device} and x on {x.device}")
    if torch.float64 in (x.dtype, dt.dtype, A.dtype, B.dtype, C.dtype, D.dtype):
        raise TypeError("this scan computes in float32; use the implementation 'torch' for float64")


def selective_scan(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, *, reverse: bool = False
) -> Tensor:
    """Run the scan; shapes as in `seq2exp.model.scan.selective_scan`.

    Tensors may be float32, bfloat16 or float16, each its own, and views: they are read as they
    lie where their last axis is contiguous. The state and all sums are float32; y is of `x`'s
    dtype and gradients are of their tensors'. The gradient can be taken once.

    Raises
    ------
    ValueError
        Shapes that do not fit, or tensors on several devices.
    TypeError
        A float64 tensor.
    """
    _check(x, dt, A, B, C, D)
    if x.numel() == 0 or A.numel() == 0:
        return (x * D).to(x.dtype)
    return _Scan.apply(x, dt, A, B, C, D, reverse)
