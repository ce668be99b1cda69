"""The backbone: bidirectional Mamba layers with tied projections, as in Caduceus.

Gu & Dao 2023 (Mamba) and Schiff et al. 2024 (Caduceus, without its reverse-complement parts, which
the published model does not use). Shapes: B batch, L length, d width, e = expand · d, n state.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from seq2exp.model.scan import fused, fused_gradient, resolve, resolve_layer, selective_scan
from seq2exp.model.scan.convolution import causal_conv

# Above this many bytes kept for the gradient, layers keep their inputs alone and run again.
_RECOMPUTE_BYTES = 1.5e9


class Mamba(nn.Module):
    """One direction of a layer: convolution and selective scan, between the shared projections."""

    def __init__(self, width: int, state: int, conv: int, expand: int) -> None:
        super().__init__()
        inner, rank = expand * width, math.ceil(width / 16)
        self.split = [rank, state, state]  # dt, B, C in x_proj's rows
        self.conv1d = nn.Conv1d(inner, inner, conv, groups=inner)
        self.x_proj = nn.Linear(inner, rank + 2 * state, bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(inner, 1))  # [e, n]
        self.D = nn.Parameter(torch.ones(inner))
        nn.init.uniform_(self.dt_proj.weight, -(rank**-0.5), rank**-0.5)
        # softplus(bias) is log-uniform in [0.001, 0.1]
        dt = torch.exp(torch.empty(inner).uniform_(math.log(1e-3), math.log(0.1))).clamp(min=1e-4)
        with torch.no_grad():
            self.dt_proj.bias.copy_(dt + torch.log(-torch.expm1(-dt)))

    def forward(
        self, x: Tensor, *, reverse: bool, valid: Tensor | None, scan: str = "auto"
    ) -> Tensor:
        """Return y [B, L, e] of x [B, L, e]; in `reverse` from the last position to the first.

        Positions where `valid` [B, L, 1] is 0 reach no other position. `scan` names the selective
        scan's implementation.
        """
        if valid is not None:
            x = x * valid
        x = causal_conv(
            x, self.conv1d.weight, self.conv1d.bias, reverse, implementation=scan
        )  # [B, L, e]
        if valid is not None:
            x = x * valid
        dt, b, c = self.x_proj(x).split(self.split, -1)  # [B, L, rank], [B, L, n], [B, L, n]
        dt = functional.softplus(self.dt_proj(dt))  # [B, L, e]
        decay = -torch.exp(self.A_log.float())
        return selective_scan(x, dt, decay, b, c, self.D, reverse=reverse, implementation=scan)

    def weights(self) -> fused.Direction:
        """Return the weights for the fused layer."""
        assert self.conv1d.bias is not None
        return fused.Direction(
            self.conv1d.weight,
            self.conv1d.bias,
            self.x_proj.weight,
            self.dt_proj.weight,
            self.dt_proj.bias,
            -torch.exp(self.A_log.float()),
            self.D,
        )


class BiMamba(nn.Module):
    """Mamba(h) + flip(Mamba'(flip(h))), the input and output projections being the same tensors.

    Both projections act on each position alone, so they are applied once, to the sum.
    """

    def __init__(self, width: int, state: int, conv: int, expand: int, init_depth: int) -> None:
        super().__init__()
        inner = expand * width
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)  # rows: x, then the gate z
        self.mamba_fwd = Mamba(width, state, conv, expand)
        self.mamba_rev = Mamba(width, state, conv, expand)
        self.out_proj = nn.Linear(inner, width, bias=False)
        with torch.no_grad():
            self.out_proj.weight /= math.sqrt(init_depth)

    def forward(self, h: Tensor, valid: Tensor | None = None, scan: str = "auto") -> Tensor:
        """Return [B, L, d] of h [B, L, d]."""
        x, z = self.in_proj(h).chunk(2, -1)  # [B, L, e] each
        y = self.mamba_fwd(x, reverse=False, valid=valid, scan=scan)
        y = y + self.mamba_rev(x, reverse=True, valid=valid, scan=scan)
        return self.out_proj(y * functional.silu(z))


class RMSNorm(nn.RMSNorm):
    """Root-mean-square norm with eps 1e-5 and a weight, in and out in the input's dtype."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        """Return [..., d] of x [..., d]."""
        return functional.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class Layer(nn.Module):
    """Prenorm with a carried residual."""

    def __init__(self, width: int, state: int, conv: int, expand: int, init_depth: int) -> None:
        super().__init__()
        self.norm = RMSNorm(width)
        self.mixer = BiMamba(width, state, conv, expand, init_depth)

    def forward(
        self,
        x: Tensor,
        residual: Tensor | None = None,
        lengths: Tensor | None = None,
        scan: str = "auto",
        scratch: fused.Scratch | None = None,
        rows: slice | None = None,
        gate: Tensor | None = None,
        skipped: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return this layer's output and the residual it was added to, [B, L, d] each.

        Positions from `lengths` [B] on reach no other position. The normalised input is multiplied
        by `gate` [B, L]. With `scratch` the layer runs as one kernel, else as torch modules around
        the selective scan named `scan`. Only the results of the positions `rows` are wanted, the
        others may be anything. `skipped`, which takes the kernel, is as in `Backbone.forward`.
        """
        if scratch is not None:
            weights = self._weights()
            if torch.is_grad_enabled():
                return fused_gradient.bidirectional_layer(
                    x, residual, weights, lengths, scratch, gate
                )
            return fused.bidirectional_layer(
                *(x, residual, weights, lengths, scratch, rows, gate), None, skipped
            )
        valid = None
        if lengths is not None:
            at = torch.arange(x.shape[1], device=x.device)
            valid = (at < lengths[:, None]).unsqueeze(-1).to(x.dtype)  # [B, L, 1]
        residual = x if residual is None else x + residual
        h = self.norm(residual)
        if gate is not None:
            h = h * gate.unsqueeze(-1).to(h.dtype)
        return self.mixer(h, valid, scan), residual

    def _weights(self) -> fused.Weights:
        mixer = self.mixer
        return fused.Weights(
            self.norm.weight,
            mixer.in_proj.weight,
            mixer.out_proj.weight,
            mixer.mamba_fwd.weights(),
            mixer.mamba_rev.weights(),
            self.norm.eps or 0.0,
        )


class Backbone(nn.Module):
    """A stack of layers and a last norm: [B, L, d] to [B, L, d].

    `scan` says what runs the layers: "auto" is one kernel for each float32 layer in main memory
    where that can run, else torch modules around the best selective scan of the device; a name
    is torch modules around the scan of that name (`seq2exp.model.scan.implementations`).

    Torch modules keep each long input's layers' inputs alone for the gradient and run the layers
    again; `recompute` True or False says so for every length.
    """

    def __init__(
        self, width: int, layers: int, state: int, conv: int, expand: int, init_depth: int
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Layer(width, state, conv, expand, init_depth) for _ in range(layers)
        )
        self.norm_f = RMSNorm(width)
        self.expand = expand
        self.recompute: bool | None = None
        self.scan = "auto"
        self._kind = state, conv

    def forward(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        rows: slice | None = None,
        gate: Tensor | None = None,
        skipped: Tensor | None = None,
    ) -> Tensor:
        """Return the hidden states [B, L, d], or those of the positions `rows`.

        Parameters
        ----------
        x : Tensor [B, L, d]
        lengths : Tensor [B] or None
            How many positions of each sample count; those after them influence no other. None: all
            count, padding too.
        rows : slice or None
            The positions to return; all by default.
        gate : Tensor [B, L] or None
            What every layer's normalised input is multiplied by: a position where it is 0 sends
            nothing to others. (The residual path carries each position's own input on.)
        skipped : Tensor [B, L + 1] or None
            How many positions were left out of x before each row and after the last, where
            `leaves_out` allows it: those that send nothing, more than `reach` from all that do.
        """
        if self._fuses(x):
            return self._run_fused(x, lengths, rows, gate, skipped)
        assert skipped is None
        residual = None
        again = self._recomputes(x)
        for layer in self.layers:
            if again:
                x, residual = checkpoint(
                    layer,
                    *(x, residual, lengths, self.scan, None, None, gate),
                    use_reentrant=False,
                    preserve_rng_state=False,
                )
            else:
                x, residual = layer(x, residual, lengths, self.scan, gate=gate)
        total = x if residual is None else x + residual
        return self.norm_f(total if rows is None else total[:, rows])

    def _run_fused(
        self,
        x: Tensor,
        lengths: Tensor | None,
        rows: slice | None,
        gate: Tensor | None,
        skipped: Tensor | None,
    ) -> Tensor:
        residual = None
        gradient = torch.is_grad_enabled()
        # A hook may keep what it is given: nothing is written over it, and all of it is there.
        seen = any(layer._forward_hooks for layer in self.layers)
        with fused.scratch(reuse=not gradient and not seen) as scratch:
            for layer in self.layers:
                wanted = rows if layer is self.layers[-1] and not seen else None
                x, residual = layer(x, residual, lengths, self.scan, scratch, wanted, gate, skipped)
            if rows is not None:
                x, residual = x[:, rows], None if residual is None else residual[:, rows]
            kernel = fused_gradient if gradient else fused
            return kernel.norm(x, residual, self.norm_f.weight, self.norm_f.eps or 0.0)

    def implementation(self, device: torch.device | str) -> str:
        """Return the name of what runs the layers on `device`, in float32.

        "cpu-fused", or a selective scan of `seq2exp.model.scan` between torch modules.
        """
        if self.scan == "auto":
            return resolve_layer(device, *self._kind)
        return resolve(self.scan, device)

    @property
    def reach(self) -> int:
        """How many positions further on a layer's convolution carries an input."""
        return self._kind[1] - 1

    def leaves_out(self, x: Tensor) -> bool:
        """Tell whether positions that send nothing may be left out of inputs like x."""
        return self._fuses(x) and not torch.is_grad_enabled()

    def _fuses(self, x: Tensor) -> bool:
        return (
            x.device.type == "cpu"
            and x.dtype == self.norm_f.weight.dtype == torch.float32
            and not torch.is_autocast_enabled("cpu")
            and self.implementation(x.device) == "cpu-fused"
            and (not torch.is_grad_enabled() or fused_gradient.available())
        )

    def _recomputes(self, x: Tensor) -> bool:
        if not torch.is_grad_enabled():
            return False
        if self.recompute is not None:
            return self.recompute
        kept = 14 * self.expand * x.numel() * 4 * len(self.layers)  # ~14 tensors [B, L, e] a layer
        return kept > _RECOMPUTE_BYTES
