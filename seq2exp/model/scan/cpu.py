"""The selective scan on a CPU: gives ``cpu_kernel.cpp`` to autograd.

`build` compiles the kernel at first use. Where it cannot, `available` is False, one logged line
says why, and the caller takes another implementation.
"""

import ctypes
import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from seq2exp.model.scan.build import Library

# As in the kernel: states of one channel, steps between stored states.
STATES, CHUNK = 16, 64
# The largest scratch array for the gradients of B and C, in bytes: it should stay in the cache.
PARTS_BYTES = 8 << 20
_LOG2E = 1.4426950408889634


class _Problem(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("batch", "length", "channels", "reverse", "threads")),
        *((name, ctypes.c_void_p) for name in ("x", "dt", "A", "B", "C", "D", "borders")),
        ("keep_borders", ctypes.c_int64),
    ]


class _Gradients(ctypes.Structure):
    _fields_ = [
        ("segment", ctypes.c_int64),
        *(
            (name, ctypes.c_void_p)
            for name in ("y", "x", "dt", "A", "B", "C", "D", "carry", "parts")
        ),
    ]


class _Kernel(NamedTuple):
    library: ctypes.CDLL
    lanes: int  # channels in one vector


def _bind(library: ctypes.CDLL) -> _Kernel:
    problem = ctypes.POINTER(_Problem)
    library.seq2exp_scan_forward.argtypes = [problem, ctypes.c_void_p]
    library.seq2exp_scan_forward.restype = None
    library.seq2exp_scan_backward.argtypes = [problem, ctypes.POINTER(_Gradients)]
    library.seq2exp_scan_backward.restype = None
    return _Kernel(library, library.seq2exp_scan_lanes())


LIBRARY = Library(Path(__file__).with_name("cpu_kernel.cpp"), "scan", _bind)


def available() -> bool:
    """Return whether the kernel can run here; the first call builds it (about two seconds)."""
    return LIBRARY.reason() is None


# ---- Calling -------------------------------------------------------------------------------------


def _blocks(value: Tensor, lanes: int) -> Tensor:
    """Lay [channels, ...] out as [blocks, ..., lanes], with zeros after the last channel."""
    excess = -value.shape[0] % lanes
    padded = pad(value, [0] * (2 * value.ndim - 1) + [excess])
    return padded.unflatten(0, (-1, lanes)).movedim(1, -1).contiguous()


def _channels(value: Tensor, channels: int) -> Tensor:
    """Undo `_blocks` after a sum over the batch: [batch, blocks, ..., lanes] to [channels, ...]."""
    return value.sum(0).movedim(-1, 1).flatten(0, 1)[:channels]


class _Call:
    """One scan's arguments as the kernel wants them; keeps alive what the pointers point to."""

    def __init__(
        self,
        tensors: tuple[Tensor, ...],
        reverse: bool,
        borders: Tensor | None = None,
        keep_borders: bool = False,
    ) -> None:
        x, dt, A, B, C, D = (tensor.detach().contiguous() for tensor in tensors)
        self.shape = x.shape
        batch, length, channels = x.shape
        self.library, self.lanes = LIBRARY.get()
        self.units = batch * -(-channels // self.lanes)
        if borders is None:
            stored = -(-length // CHUNK) if keep_borders else 1
            borders = x.new_empty(self.units, stored, STATES, self.lanes)
        self.borders = borders
        # The kernel compares bits to bound powers and would drop a NaN whose sign bit is set.
        A = torch.where(A.isnan(), math.nan, A * _LOG2E)
        self.inputs = (x, dt, _blocks(A, self.lanes), B, C, _blocks(D, self.lanes), borders)
        self.problem = _Problem(
            *(*x.shape, reverse, torch.get_num_threads()),
            *(tensor.data_ptr() for tensor in self.inputs),
            keep_borders,
        )

    def forward(self) -> Tensor:
        y = self.borders.new_empty(self.shape)
        self.library.seq2exp_scan_forward(ctypes.byref(self.problem), y.data_ptr())
        return y

    def backward(self, grad: Tensor) -> tuple[Tensor, ...]:
        batch, length, channels = self.shape
        grad = grad.detach().to(torch.float32).contiguous()
        new = grad.new_empty
        # Steps between two sums over channels; the parts of as many are stored.
        room = PARTS_BYTES // (2 * self.units * STATES * 4)
        segment = max(1, min(room, length) // CHUNK) * CHUNK
        x, dt = new(self.shape), new(self.shape)
        A = grad.new_zeros(self.units, STATES, self.lanes)
        B, C = new(batch, length, STATES), new(batch, length, STATES)
        D = grad.new_zeros(self.units, self.lanes)
        carry, parts = torch.zeros_like(A), new(2, self.units, segment, STATES)
        tensors = (grad, x, dt, A, B, C, D, carry, parts)
        gradients = _Gradients(segment, *(tensor.data_ptr() for tensor in tensors))
        self.library.seq2exp_scan_backward(ctypes.byref(self.problem), ctypes.byref(gradients))
        A, D = (_channels(value.unflatten(0, (batch, -1)), channels) for value in (A, D))
        return x, dt, A, B, C, D


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, reverse: bool, *tensors: Tensor) -> Tensor:
        call = _Call(tensors, reverse, keep_borders=True)
        ctx.reverse = reverse
        ctx.save_for_backward(*tensors, call.borders)
        return call.forward()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, borders = ctx.saved_tensors
        call = _Call(tuple(tensors), ctx.reverse, borders, keep_borders=True)
        return None, *call.backward(grad)


def _check(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> None:
    if x.ndim != 3 or A.ndim != 2:
        raise ValueError(
            f"x must be [batch, length, channels] and A [channels, state], not {list(x.shape)} "
            f"and {list(A.shape)}"
        )
    batch, length, channels = x.shape
    state = A.shape[1]
    wanted = {
        "dt": (dt, (batch, length, channels)),
        "A": (A, (channels, state)),
        "B": (B, (batch, length, state)),
        "C": (C, (batch, length, state)),
        "D": (D, (channels,)),
    }
    for name, (tensor, shape) in wanted.items():
        if tensor.shape != shape:
            raise ValueError(f"{name} must be {list(shape)}, not {list(tensor.shape)}")
    for name, tensor in {"x": x, **{name: tensor for name, (tensor, _) in wanted.items()}}.items():
        if tensor.device.type != "cpu" or tensor.dtype != torch.float32:
            raise TypeError(
                f"{name} is {tensor.dtype} on {tensor.device}; this scan takes float32 on the CPU"
            )


def selective_scan_cpu(
    x: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor,
    *,
    reverse: bool = False,
) -> Tensor:
    """Run the selective scan with the C++ kernel; differentiable, once, in every tensor.

    Results do not depend on the number of threads, ``torch.get_num_threads()``; the interpreter's
    lock is released meanwhile. For the gradient the states before every 64th step are kept
    (``batch · length · channels · state / 64`` floats) and the others computed again.

    Parameters
    ----------
    x, dt : Tensor [batch, length, channels]
        Input and step sizes (positive), float32. Fastest where contiguous; else they are copied.
    A : Tensor [channels, state]
        Decay rates, negative. States are computed 16 at a time, so 16 (or a multiple) is best.
    B, C : Tensor [batch, length, state]
        Input and output projections of each position.
    D : Tensor [channels]
        Skip connection.
    reverse : bool
        Scan from the last position to the first: what flipping x, dt, B, C and the result along
        the length gives, without the copies.

    Returns
    -------
    Tensor [batch, length, channels]
        y, float32.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit; tensors that are not float32 in main memory.
    RuntimeError
        The kernel is not `available`; or the gradient is differentiated again.

    Notes
    -----
    Equation 2 and algorithm 2 of Gu & Dao, "Mamba: Linear-Time Sequence Modeling with Selective
    State Spaces" (2023), with the simplified discretisation of B that its code uses.
    """
    _check(x, dt, A, B, C, D)
    if x.numel() == 0 or A.numel() == 0:
        return x * D
    excess = -A.shape[1] % STATES
    groups = zip(*(pad(value, (0, excess)).split(STATES, -1) for value in (A, B, C)), strict=True)
    y: Tensor | None = None
    for group_A, group_B, group_C in groups:
        tensors = (x, dt, group_A, group_B, group_C, D if y is None else torch.zeros_like(D))
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
            part = _Scan.apply(reverse, *tensors)
        else:
            part = _Call(tensors, reverse).forward()
        y = part if y is None else y + part
    assert y is not None
    return y


selective_scan = selective_scan_cpu
