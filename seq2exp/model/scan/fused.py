"""A whole bidirectional Mamba layer on a CPU: ``fused_kernel.cpp`` for torch.

`fused_gradient` makes it differentiable.

`build` compiles the kernel at first use. Where it cannot, `available` is False, one logged line
says why, and the layer runs as its torch modules.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, silu, softplus

from seq2exp.model.scan.build import Library

# As in the kernel: states of one channel, taps of the convolution, rows between stored states.
STATES, TAPS, BORDER = 16, 4, 192
_LOG2E = 1.4426950408889634


class _Direction(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p) for name in ("conv", "x_proj", "dt_proj", "dt_bias", "A", "D")
    ]


class _Norm(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "width", "threads")),
        *((name, ctypes.c_void_p) for name in ("x", "residual", "weight", "out")),
        ("eps", ctypes.c_float),
    ]


class _Layer(ctypes.Structure):
    _fields_ = [
        *(
            (name, ctypes.c_int64)
            for name in ("batch", "length", "width", "inner", "rank", "threads", "begin", "end")
        ),
        *((name, ctypes.c_void_p) for name in ("lengths", "x", "residual", "gate", "sum", "out")),
        *((name, ctypes.c_void_p) for name in ("norm", "in_u", "in_z", "out_proj")),
        ("forward", _Direction),
        ("reverse", _Direction),
        ("borders_forward", ctypes.c_void_p),
        ("borders_reverse", ctypes.c_void_p),
        ("eps", ctypes.c_float),
    ]


class _Rest(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("dt", "states")]


class _Skipped(ctypes.Structure):
    _fields_ = [("counts", ctypes.c_void_p), ("forward", _Rest), ("reverse", _Rest)]


class _Kernel(NamedTuple):
    library: ctypes.CDLL
    lanes: int  # channels in one vector


def _bind(library: ctypes.CDLL) -> _Kernel:
    layer = ctypes.POINTER(_Layer)
    memory = [ctypes.c_void_p, ctypes.c_void_p]
    library.seq2exp_layer_forward.argtypes = [layer, *memory]
    library.seq2exp_layer_between.argtypes = [layer, ctypes.POINTER(_Skipped), *memory]
    library.seq2exp_layer_forward.restype = library.seq2exp_layer_between.restype = None
    library.seq2exp_layer_norm.argtypes = [ctypes.POINTER(_Norm)]
    library.seq2exp_layer_norm.restype = None
    for size in (library.seq2exp_layer_kept, library.seq2exp_layer_scratch):
        size.argtypes, size.restype = [layer], ctypes.c_int64
    return _Kernel(library, library.seq2exp_layer_lanes())


LIBRARY = Library(Path(__file__).with_name("fused_kernel.cpp"), "layer", _bind)


def available() -> bool:
    """Return whether the kernel can run here; the first call builds it (a few seconds)."""
    return LIBRARY.reason() is None


class Direction(NamedTuple):
    """One direction's weights: e inner channels, n states, R the rank of dt."""

    conv_weight: Tensor  # [e, 1, taps]
    conv_bias: Tensor  # [e]
    x_proj: Tensor  # [R + 2n, e]: the rows of dt, B, C
    dt_proj: Tensor  # [e, R]
    dt_bias: Tensor  # [e]
    A: Tensor  # [e, n], negative
    D: Tensor  # [e]


class Weights(NamedTuple):
    """A layer's weights: d its width."""

    norm: Tensor  # [d]
    in_proj: Tensor  # [2e, d]: the rows of x, then of the gate
    out_proj: Tensor  # [d, e]
    forward: Direction
    reverse: Direction
    eps: float


class Scratch:
    """Memory that one layer after the other works in, so that it is mapped once.

    With `reuse` that includes their results: a layer's are gone when the next but one runs.
    """

    def __init__(self, reuse: bool = False) -> None:
        self.reuse = reuse
        self._memory: dict[str, Tensor] = {}
        self._turn = 0

    def results(self, like: Tensor, count: int) -> list[Tensor]:
        """Return `count` tensors of like's shape, of any content."""
        if not self.reuse:
            return [torch.empty_like(like) for _ in range(count)]
        self._turn = 1 - self._turn
        return [
            self.get(f"result {i} {self._turn}", like.numel())[: like.numel()].view(like.shape)
            for i in range(count)
        ]

    def get(self, name: str, size: int) -> Tensor:
        """Return float32 [size], of any content; what was got before by this name is no more."""
        memory = self._memory.get(name)
        if memory is None or len(memory) < size:
            self._memory.pop(name, None)
            with torch.inference_mode(False):  # it may be used in another mode next time
                memory = torch.empty(size, dtype=torch.float32, device="cpu")
            self._memory[name] = memory
        return memory


# What the last run worked in, for the next: mapping some hundred megabytes anew for every run, and
# giving them back, would take a tenth of its time. One at most is kept.
_SPARE: list[Scratch] = []


@contextmanager
def scratch(reuse: bool = False) -> Iterator[Scratch]:
    """Yield memory to work in, nobody else's meanwhile; see `Scratch`."""
    try:
        memory = _SPARE.pop()
    except IndexError:
        memory = Scratch()
    memory.reuse = reuse
    yield memory
    if not _SPARE:
        _SPARE.append(memory)


def supports(state: int, conv: int) -> bool:
    """Return whether the kernel takes layers with so many states and taps."""
    return state <= STATES and conv <= TAPS


def bidirectional_layer(
    x: Tensor,
    residual: Tensor | None,
    weights: Weights,
    lengths: Tensor | None = None,
    scratch: Scratch | None = None,
    rows: slice | None = None,
    gate: Tensor | None = None,
    borders: tuple[Tensor, Tensor] | None = None,
    skipped: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run a prenorm layer with a carried residual; knows no gradient.

    Memory beyond the result is that of one [length, e] array and chunks that fit the caches.
    Results do not depend on the number of threads, ``torch.get_num_threads()``; the interpreter's
    lock is released meanwhile.

    Parameters
    ----------
    x : Tensor [batch, length, d]
        float32 in main memory.
    residual : Tensor [batch, length, d] or None
        What the layers before have added up; None before the first layer.
    weights : Weights
        As `supports` says.
    lengths : Tensor [batch] or None
        How many positions of each sample count. The others reach none, and their output is 0.
    scratch : Scratch or None
        To share between calls that follow each other.
    rows : slice or None
        The positions whose results are wanted; the others' may be anything, and cost less the
        farther they are from these. All by default.
    gate : Tensor [batch, length] or None
        What each position's normalised input is multiplied by.
    borders : two Tensors as `new_borders` makes them, or None
        Where to keep states for the gradient, forward and reverse.
    skipped : Tensor [batch, length + 1] or None
        How many positions are left out of x before each row and after the last that counts: their
        normalised input is zero, as is that of as many rows beside them as the convolution has
        taps less one. The others' results are as if nothing had been left out.

    Returns
    -------
    Tensor [batch, length, d], Tensor [batch, length, d]
        The layer's output, and x + residual.

    Raises
    ------
    ValueError, TypeError
        Shapes that do not fit; tensors that are not float32 in main memory.
    RuntimeError
        The kernel is not `available`.
    """
    call = Call(weights)
    if x.ndim != 3 or x.shape[2] != len(weights.norm):
        raise ValueError(f"x is {list(x.shape)}, not [batch, length, {len(weights.norm)}]")
    if residual is not None and residual.shape != x.shape:
        raise ValueError(f"the residual is {list(residual.shape)} beside {list(x.shape)}")
    if gate is not None and gate.shape != x.shape[:2]:
        raise ValueError(f"the gate is {list(gate.shape)} beside {list(x.shape)}")
    batch, length, _ = x.shape
    x = x.detach().contiguous()
    scratch = scratch or Scratch()
    out, *summed = scratch.results(x, 1 if residual is None else 2)
    total = summed[0] if summed else x
    if x.numel() == 0:
        return out, total
    problem = call.problem
    call.size(batch, length, lengths)
    if rows is not None:
        problem.begin, problem.end, _ = rows.indices(length)
    problem.x, problem.out = call.keep(x), call.keep(out)
    if gate is not None:
        problem.gate = call.keep(gate.detach())
    if borders is not None:
        problem.borders_forward, problem.borders_reverse = (call.keep(value) for value in borders)
    if residual is not None:
        problem.residual, problem.sum = call.keep(residual.detach()), call.keep(total)
    library, at = call.kernel.library, ctypes.byref(problem)
    kept = scratch.get("kept", library.seq2exp_layer_kept(at)).data_ptr()
    chunk = scratch.get("chunk", library.seq2exp_layer_scratch(at)).data_ptr()
    if skipped is None:
        library.seq2exp_layer_forward(at, kept, chunk)
    else:
        between = call.skipped(skipped, weights)
        library.seq2exp_layer_between(at, ctypes.byref(between), kept, chunk)
    return out, total


def at_rest(weights: Direction) -> tuple[Tensor, Tensor]:
    """Return dt [e] where no input is, and what the states [e, n] move towards there, float32.

    From s = exp(dt · A) · s + dt · v · B with v = silu(conv_bias).
    """
    wide = Direction(*(value.detach().double() for value in weights))
    state, rank = wide.A.shape[1], wide.dt_proj.shape[1]
    v = silu(wide.conv_bias)
    d, b, _ = (wide.x_proj @ v).split([rank, state, state])
    dt = softplus(wide.dt_proj @ d + wide.dt_bias)
    step = dt[:, None] * wide.A
    # Where the step is nil the states stay as they are, and no limit is asked for.
    limit = torch.where(step == 0, 0, (dt * v)[:, None] * b / -torch.expm1(step))
    return dt.float(), limit.float()


def new_borders(x: Tensor, inner: int) -> Tensor:
    """Return memory for one direction's states before every `BORDER`-th row of x.

    float32 [batch, borders, blocks of `inner` channels, states, channels of a block], of any
    content.
    """
    lanes = LIBRARY.get().lanes
    return x.new_empty(
        x.shape[0], -(-x.shape[1] // BORDER), -(-inner // lanes), STATES, lanes, requires_grad=False
    )


def norm(x: Tensor, residual: Tensor | None, weight: Tensor, eps: float) -> Tensor:
    """Return the root-mean-square norm of x + residual, as after the last layer; no gradient.

    Parameters
    ----------
    x : Tensor [..., d]
        float32 in main memory.
    residual : Tensor [..., d] or None
    weight : Tensor [d]
    eps : float
        Added to the mean square.

    Raises
    ------
    ValueError, TypeError, RuntimeError
        As `bidirectional_layer`.
    """
    if weight.shape != x.shape[-1:] or (residual is not None and residual.shape != x.shape):
        raise ValueError(f"a weight {list(weight.shape)} for {list(x.shape)}")
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    if x.numel() == 0:
        return out
    memory = Memory()
    problem = _Norm(
        rows=x.numel() // x.shape[-1],
        width=x.shape[-1],
        threads=torch.get_num_threads(),
        x=memory.keep(x.detach()),
        residual=None if residual is None else memory.keep(residual.detach()),
        weight=memory.keep(memory.blocks(weight)),
        out=memory.keep(out),
        eps=eps,
    )
    memory.kernel.library.seq2exp_layer_norm(ctypes.byref(problem))
    return out


class Memory:
    """Tensors as the kernel wants them; keeps alive what the pointers point to."""

    def __init__(self) -> None:
        self.kernel = LIBRARY.get()
        self._alive: list[Tensor] = []

    def keep(self, value: Tensor) -> int:
        """Return the address of a tensor's elements, in order and as long as this object lives."""
        if value.device.type != "cpu" or value.dtype != torch.float32:
            raise TypeError(
                f"a tensor is {value.dtype} on {value.device}; this layer takes float32 on the CPU"
            )
        value = value.contiguous()
        self._alive.append(value)
        return value.data_ptr()

    def blocks(self, value: Tensor) -> Tensor:
        """Lay [channels, ...] out as [blocks, ..., lanes]; zeros follow, to an even number."""
        lanes = self.kernel.lanes
        excess = -value.shape[0] % (2 * lanes)
        padded = pad(value.detach(), [0] * (2 * value.ndim - 1) + [excess])
        return padded.unflatten(0, (-1, lanes)).movedim(1, -1)

    def packed(self, weight: Tensor, wide: int = 2) -> int:
        """Pack [outputs, inputs] as [panels, inputs, wide · lanes], zeros after the last output."""
        panel = wide * self.kernel.lanes
        padded = pad(weight.detach(), (0, 0, 0, -weight.shape[0] % panel))
        return self.keep(padded.unflatten(0, (-1, panel)).transpose(1, 2))


class Call(Memory):
    """A layer's weights, laid out for the kernel; `problem` is what it is given."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        inner = weights.out_proj.shape[1]
        rank = weights.forward.dt_proj.shape[1]
        _check(weights, inner, rank)
        self.problem = _Layer(width=len(weights.norm), inner=inner, rank=rank, eps=weights.eps)
        problem = self.problem
        problem.norm = self.keep(self.blocks(weights.norm))
        problem.in_u = self.packed(weights.in_proj[:inner])
        problem.in_z = self.packed(weights.in_proj[inner:])
        problem.out_proj = self.packed(weights.out_proj)
        problem.forward = self._direction(weights.forward)
        problem.reverse = self._direction(weights.reverse)

    def size(self, batch: int, length: int, lengths: Tensor | None) -> None:
        """Set how many rows there are, and how many of them count (all, if `lengths` is None)."""
        if lengths is not None and lengths.shape != (batch,):
            raise ValueError(f"lengths are {list(lengths.shape)}, not [{batch}]")
        problem = self.problem
        problem.batch, problem.length, problem.threads = batch, length, torch.get_num_threads()
        problem.begin, problem.end = 0, length
        counts = torch.full((batch,), length) if lengths is None else lengths.clamp(0, length)
        self._counts = counts.to("cpu", torch.int64).contiguous()
        problem.lengths = self._counts.data_ptr()

    def _direction(self, weights: Direction) -> _Direction:
        taps = pad(weights.conv_weight.detach()[:, 0], (TAPS - weights.conv_weight.shape[2], 0))
        dt, b, c = self.projections(weights)
        # The kernel compares bits to bound powers and would drop a NaN whose sign bit is set.
        A = torch.where(weights.A.isnan(), torch.nan, weights.A.detach() * _LOG2E)
        return _Direction(
            conv=self.keep(self.blocks(torch.cat([taps, weights.conv_bias[:, None]], 1))),
            x_proj=self.packed(torch.cat([b, c, dt]), 3),
            dt_proj=self.packed(weights.dt_proj),
            dt_bias=self.keep(self.blocks(weights.dt_bias)),
            A=self.keep(self.blocks(pad(A, (0, STATES - A.shape[1])))),
            D=self.keep(self.blocks(weights.D)),
        )

    def skipped(self, counts: Tensor, weights: Weights) -> _Skipped:
        """Describe what is left out, `counts` [batch, length + 1], after `size`."""
        wanted = (self.problem.batch, self.problem.length + 1)
        if counts.shape != wanted:
            raise ValueError(f"what is left out is {list(counts.shape)}, not {list(wanted)}")
        return _Skipped(
            counts=self.keep(counts),
            forward=self._rest(weights.forward),
            reverse=self._rest(weights.reverse),
        )

    def _rest(self, weights: Direction) -> _Rest:
        dt, states = at_rest(weights)
        states = pad(states, (0, STATES - states.shape[1]))
        return _Rest(dt=self.keep(self.blocks(dt)), states=self.keep(self.blocks(states)))

    def projections(self, weights: Direction) -> tuple[Tensor, Tensor, Tensor]:
        """Return x_proj's rows of dt [R, e], B and C [`STATES`, e], the last two filled with 0."""
        state, rank = weights.A.shape[1], weights.dt_proj.shape[1]
        dt, b, c = weights.x_proj.detach().split([rank, state, state])
        fill = (0, 0, 0, STATES - state)
        return dt, pad(b, fill), pad(c, fill)


def _check(weights: Weights, inner: int, rank: int) -> None:
    width = len(weights.norm)
    wanted: list[tuple[str, Tensor, tuple[int, ...]]] = [
        ("in_proj", weights.in_proj, (2 * inner, width)),
        ("out_proj", weights.out_proj, (width, inner)),
    ]
    for direction in (weights.forward, weights.reverse):
        state, taps = direction.A.shape[1], direction.conv_weight.shape[2]
        if not supports(state, taps):
            raise ValueError(f"{state} states and {taps} taps; up to {STATES} and {TAPS} fit")
        shapes: list[tuple[int, ...]] = [(inner, 1, taps), (inner,), (rank + 2 * state, inner)]
        shapes += [(inner, rank), (inner,), (inner, state), (inner,)]
        wanted += zip(direction._fields, direction, shapes, strict=True)
    for name, tensor, shape in wanted:
        if tensor.shape != shape:
            raise ValueError(f"{name} must be {list(shape)}, not {list(tensor.shape)}")
