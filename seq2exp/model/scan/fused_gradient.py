"""The gradient of the fused layer: ``fused_gradient_kernel.cpp`` for autograd.

`build` compiles the kernel when a gradient is first asked for. Where it cannot, `available` is
False, one logged line says why, and the layer runs as its torch modules.
"""

import ctypes
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seq2exp.model.scan import fused
from seq2exp.model.scan.build import Library
from seq2exp.model.scan.fused import BORDER, STATES, TAPS, Direction, Memory, Scratch, Weights


class _Direction(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p) for name in ("conv", "x_proj", "dt_proj", "dt_bias", "A", "D")
    ]


class _Gradient(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("out", "sum", "x", "gate", "norm")),
        *((name, ctypes.c_void_p) for name in ("in_u", "in_z", "out_proj")),
        ("forward", _Direction),
        ("reverse", _Direction),
        *((name, ctypes.c_void_p) for name in ("in_u_back", "in_z_back", "out_back")),
        *((name, ctypes.c_void_p) for name in ("x_forward_back", "x_reverse_back")),
        *((name, ctypes.c_void_p) for name in ("dt_forward_back", "dt_reverse_back")),
    ]


class _NormGradient(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "width", "threads")),
        *((name, ctypes.c_void_p) for name in ("x", "weight", "out", "grad_x", "sums")),
        ("eps", ctypes.c_float),
    ]


class _Kernel(NamedTuple):
    library: ctypes.CDLL
    lanes: int  # channels in one vector


def _bind(library: ctypes.CDLL) -> _Kernel:
    library.seq2exp_gradient_scratch.argtypes = [ctypes.c_void_p]
    library.seq2exp_gradient_scratch.restype = ctypes.c_int64
    library.seq2exp_layer_backward.argtypes = [ctypes.c_void_p] * 3
    library.seq2exp_layer_backward.restype = None
    library.seq2exp_norm_backward.argtypes = [ctypes.POINTER(_NormGradient)]
    library.seq2exp_norm_backward.restype = None
    return _Kernel(library, library.seq2exp_gradient_lanes())


LIBRARY = Library(Path(__file__).with_name("fused_gradient_kernel.cpp"), "layer-gradient", _bind)


def available() -> bool:
    """Return whether layer and gradient can run here; the first call builds them (seconds)."""
    return fused.available() and LIBRARY.reason() is None


def bidirectional_layer(
    x: Tensor,
    residual: Tensor | None,
    weights: Weights,
    lengths: Tensor | None = None,
    scratch: Scratch | None = None,
    gate: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run `fused.bidirectional_layer`, differentiable, once, in all tensors but `lengths`.

    For the gradient x + residual is kept, and the states before every `fused.BORDER`-th row
    (``2 · batch · length · inner · 16 / 192`` floats); the rest is computed again in chunks that
    fit the caches. Gradients, too, do not depend on the number of threads.

    Parameters, results and errors are those of `fused.bidirectional_layer`.
    """
    flat = [weights.norm, weights.in_proj, weights.out_proj, *weights.forward, *weights.reverse]
    found = _Layer.apply(lengths, scratch, weights.eps, x, residual, gate, *flat)
    return (found, x) if residual is None else found


def norm(x: Tensor, residual: Tensor | None, weight: Tensor, eps: float) -> Tensor:
    """Run `fused.norm`, differentiable, once, in x, the residual and the weight."""
    return _Norm.apply(x if residual is None else x + residual, weight, eps)


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.eps = eps
        return fused.norm(x, None, weight, eps)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, out: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad = torch.empty_like(x, memory_format=torch.contiguous_format)
        if x.numel() == 0:
            return grad, torch.zeros_like(weight), None
        kernel, memory = LIBRARY.get(), Memory()
        rows, width = x.numel() // len(weight), len(weight)
        sums = x.new_empty(-(-rows // BORDER), -(-width // kernel.lanes) * kernel.lanes)
        problem = _NormGradient(
            rows=rows,
            width=width,
            threads=torch.get_num_threads(),
            x=memory.keep(x.detach()),
            weight=memory.keep(memory.blocks(weight)),
            out=memory.keep(out.detach()),
            grad_x=grad.data_ptr(),
            sums=sums.data_ptr(),
            eps=ctx.eps,
        )
        kernel.library.seq2exp_norm_backward(ctypes.byref(problem))
        return grad, sums.sum(0)[:width], None


def _unflatten(flat: tuple[Tensor, ...], eps: float) -> Weights:
    norm, in_proj, out_proj, *rest = flat
    size = len(Direction._fields)
    return Weights(norm, in_proj, out_proj, Direction(*rest[:size]), Direction(*rest[size:]), eps)


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        lengths: Tensor | None,
        scratch: Scratch | None,
        eps: float,
        x: Tensor,
        residual: Tensor | None,
        gate: Tensor | None,
        *flat: Tensor,
    ) -> Any:
        weights = _unflatten(flat, eps)
        inner = weights.out_proj.shape[1]
        borders = fused.new_borders(x, inner), fused.new_borders(x, inner)
        out, total = fused.bidirectional_layer(
            x, residual, weights, lengths, scratch, gate=gate, borders=borders
        )
        ctx.lengths, ctx.eps, ctx.carried = lengths, eps, residual is not None
        ctx.save_for_backward(total, gate, *borders, *flat)
        return out if residual is None else (out, total)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, out: Tensor, total: Tensor | None = None) -> tuple[Any, ...]:
        x, gate, forward, reverse, *flat = ctx.saved_tensors
        weights = _unflatten(tuple(flat), ctx.eps)
        call = _Call(weights, x, ctx.lengths, gate, (forward, reverse))
        grad_x, grad_gate, grad_flat = call.run(out, total)
        carried = grad_x if ctx.carried else None
        return None, None, None, grad_x, carried, grad_gate, *grad_flat


class _Call:
    """One gradient's arguments as the kernel wants them, and its results as torch wants them."""

    def __init__(
        self,
        weights: Weights,
        x: Tensor,
        lengths: Tensor | None,
        gate: Tensor | None,
        borders: tuple[Tensor, Tensor],
    ) -> None:
        self.x, self.gate, self.weights = x, gate, weights
        self.kernel = LIBRARY.get()
        self.call = call = fused.Call(weights)
        call.size(x.shape[0], x.shape[1], lengths)
        problem = call.problem
        problem.x = call.keep(x)
        problem.gate = None if gate is None else call.keep(gate.detach())
        problem.borders_forward, problem.borders_reverse = (call.keep(value) for value in borders)
        inner, rank = problem.inner, problem.rank
        self.blocks = -(-inner // self.kernel.lanes)
        inputs, ranks = self._rounded(problem.width), self._rounded(rank)
        new = self._zeros
        self.norm = x.new_zeros(inputs)
        self.shared = {name: new(inputs) for name in ("in_u", "in_z", "out_proj")}
        self.own = [
            {
                "conv": new(TAPS + 1),
                "x_proj": new(2 * STATES + ranks),
                "dt_proj": new(ranks),
                "dt_bias": new(1),
                "A": new(STATES),
                "D": new(1),
            }
            for _ in range(2)
        ]
        u, z = weights.in_proj.split(inner)
        ahead, back = weights.forward, weights.reverse
        self.gradient = _Gradient(
            norm=self.norm.data_ptr(),
            **{name: value.data_ptr() for name, value in self.shared.items()},
            forward=self._direction(0),
            reverse=self._direction(1),
            in_u_back=call.packed(u.T),
            in_z_back=call.packed(z.T),
            out_back=call.packed(weights.out_proj.T),
            x_forward_back=self._projection(ahead),
            x_reverse_back=self._projection(back),
            dt_forward_back=call.packed(ahead.dt_proj.T),
            dt_reverse_back=call.packed(back.dt_proj.T),
        )

    def run(self, out: Tensor, total: Tensor | None) -> tuple[Tensor, Tensor | None, list[Tensor]]:
        """Return the gradients of x + residual, of the gate, and of the weights.

        The last as `_unflatten` takes them.
        """
        grad = torch.empty_like(self.x)
        grad_gate = None if self.gate is None else self.x.new_empty(self.x.shape[:2])
        if self.x.numel():
            keep = self.call.keep
            self.gradient.out, self.gradient.x = keep(out.detach()), keep(grad)
            self.gradient.sum = None if total is None else keep(total.detach())
            self.gradient.gate = None if grad_gate is None else keep(grad_gate)
            problem = ctypes.byref(self.call.problem)
            library = self.kernel.library
            scratch = self.x.new_empty(library.seq2exp_gradient_scratch(problem))
            library.seq2exp_layer_backward(problem, ctypes.byref(self.gradient), scratch.data_ptr())
        width = self.x.shape[2]
        shared = {name: self._plain(value)[:, :width] for name, value in self.shared.items()}
        in_proj = torch.cat([shared["in_u"], shared["in_z"]])
        return (
            grad,
            grad_gate,
            [
                self.norm[:width],
                in_proj,
                shared["out_proj"].T,
                *self._gradients(self.own[0], self.weights.forward),
                *self._gradients(self.own[1], self.weights.reverse),
            ],
        )

    def _rounded(self, channels: int) -> int:
        return -(-channels // self.kernel.lanes) * self.kernel.lanes

    def _zeros(self, rows: int) -> Tensor:
        return self.x.new_zeros(self.blocks, rows, self.kernel.lanes)

    def _direction(self, which: int) -> _Direction:
        return _Direction(**{name: value.data_ptr() for name, value in self.own[which].items()})

    def _projection(self, weights: Direction) -> int:
        """Pack x_proj for the way back: inputs B and C, 16 states each, then dt."""
        dt, b, c = self.call.projections(weights)
        return self.call.packed(torch.cat([b, c, dt]).T)

    def _plain(self, value: Tensor) -> Tensor:
        """Return [blocks, rows, lanes] as [e, rows]."""
        return value.transpose(1, 2).flatten(0, 1)[: self.call.problem.inner]

    def _gradients(self, found: dict[str, Tensor], weights: Direction) -> Direction:
        plain = {name: self._plain(value) for name, value in found.items()}
        taps, state, rank = (
            weights.conv_weight.shape[2],
            weights.A.shape[1],
            weights.dt_proj.shape[1],
        )
        b, c, dt = plain["x_proj"].split([STATES, STATES, plain["x_proj"].shape[1] - 2 * STATES], 1)
        return Direction(
            conv_weight=plain["conv"][:, None, TAPS - taps : TAPS],
            conv_bias=plain["conv"][:, TAPS],
            x_proj=torch.cat([dt[:, :rank], b[:, :state], c[:, :state]], 1).T,
            dt_proj=plain["dt_proj"][:, :rank],
            dt_bias=plain["dt_bias"][:, 0],
            A=plain["A"][:, :state],
            D=plain["D"][:, 0],
        )
