"""The same network by other libraries: their Mamba layers, with our weights, in our backbone.

A peer's layer knows one direction and owns its projections, so a bidirectional layer is two of
them, with the tied projections' weights in both: ``forward(h) + flip(reverse(flip(h)))``. Norms,
residuals, embeddings, mask and head stay ours. `difference` says whether it is the same function.
"""

import copy
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from seq2exp.model.config import ModelConfig
from seq2exp.model.mamba import Backbone, BiMamba
from seq2exp.model.seq2exp import Seq2Exp

_FLOAT = 4  # bytes
#: The most by which a peer's hidden states, of about unit size, may differ from ours.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Peer:
    """Another library's Mamba layer.

    Attributes
    ----------
    name
        Short, for options and JSON.
    title
        For tables.
    install
        How to get it.
    module
        What must be importable.
    devices
        Kinds of device that it runs on.
    mixer
        Makes a layer of one direction: width d, inner channels e, states, taps and rank.
    arrays
        How many float arrays [length, e, state] the layer holds at once, for a length. Everything
        else that it holds is smaller by the number of states.
    trains
        Whether it has a backward pass that is worth timing on whole windows.
    """

    name: str
    title: str
    install: str
    module: str
    devices: tuple[str, ...]
    mixer: Callable[[ModelConfig], nn.Module]
    arrays: Callable[[int], float]
    trains: bool = False

    def missing(self, device: torch.device | str) -> str | None:
        """Return why it cannot run on `device`, or None: it can."""
        kind = torch.device(device).type
        if kind not in self.devices:
            return f"does not run on {kind}"
        try:
            importlib.import_module(self.module)
        except ImportError:
            return f"not installed; {self.install}"
        return None

    def memory(self, config: ModelConfig, length: int) -> int:
        """Return about how many bytes a layer needs for one sequence, forward."""
        array = length * config.expand * config.width * config.state * _FLOAT
        return int(array * (self.arrays(length) + 16 / config.state))


def _transformers(config: ModelConfig) -> nn.Module:
    library: Any = importlib.import_module("transformers.models.mamba.modeling_mamba")
    # That there are faster kernels for GPUs is known here.
    importlib.import_module("transformers.utils.logging").set_verbosity_error()
    settings = library.MambaConfig(
        hidden_size=config.width,
        state_size=config.state,
        conv_kernel=config.conv,
        expand=config.expand,
        time_step_rank=config.dt_rank,
        num_hidden_layers=1,
        use_mambapy=False,
    )
    return library.MambaMixer(settings, layer_idx=0)


def _mambapy(config: ModelConfig) -> nn.Module:
    library: Any = importlib.import_module("mambapy.mamba")
    return library.MambaBlock(
        library.MambaConfig(
            d_model=config.width,
            n_layers=1,
            dt_rank=config.dt_rank,
            d_state=config.state,
            expand_factor=config.expand,
            d_conv=config.conv,
            pscan=True,
        )
    )


def _mamba_ssm(config: ModelConfig) -> nn.Module:
    library: Any = importlib.import_module("mamba_ssm.modules.mamba_simple")
    return library.Mamba(
        d_model=config.width,
        d_state=config.state,
        d_conv=config.conv,
        expand=config.expand,
        dt_rank=config.dt_rank,
    )


def _next_power(length: int) -> int:
    return 1 << (length - 1).bit_length()


#: Peers by name. transformers holds decays, B's and u's inflow; mambapy those three, and copies of
#: two padded to a power of two, and at the end one more for the readout.
PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "transformers",
            "transformers, without kernels",
            "pip install -e '.[bench]'",
            "transformers.models.mamba.modeling_mamba",
            ("cpu", "cuda"),
            _transformers,
            lambda length: 3,
        ),
        Peer(
            "mambapy",
            "mambapy, parallel scan",
            "pip install -e '.[bench]'",
            "mambapy.mamba",
            ("cpu", "cuda"),
            _mambapy,
            lambda length: 3 + 2 * _next_power(length) / length,
        ),
        Peer(
            "mamba_ssm",
            "mamba_ssm, CUDA",
            "pip install -e '.[gpu]'",
            "mamba_ssm.modules.mamba_simple",
            ("cuda",),
            _mamba_ssm,
            lambda length: 0,
            trains=True,
        ),
    )
}


class PeerMixer(nn.Module):
    """A bidirectional layer's mixer of two layers of a peer, with the weights of ours."""

    def __init__(self, peer: Peer, config: ModelConfig, ours: BiMamba) -> None:
        super().__init__()
        self.mamba_fwd = self._direction(peer, config, ours, "mamba_fwd")
        self.mamba_rev = self._direction(peer, config, ours, "mamba_rev")

    @staticmethod
    def _direction(peer: Peer, config: ModelConfig, ours: BiMamba, name: str) -> nn.Module:
        # All peers have the names of the layer that came first, and so have we.
        weights = {key: ours.state_dict()[key] for key in ("in_proj.weight", "out_proj.weight")}
        mixer = peer.mixer(config)
        mixer.load_state_dict(weights | getattr(ours, name).state_dict())
        return mixer.to(ours.in_proj.weight.device)

    def forward(self, h: Tensor, valid: Tensor | None = None, scan: str = "") -> Tensor:
        """Return [B, L, d] of h [B, L, d].

        `valid` must be None, as peers know no padding; they have one scan, whatever `scan` names.
        """
        if valid is not None:
            raise ValueError("a peer's layer takes whole sequences only")
        return self.mamba_fwd(h) + self.mamba_rev(h.flip(1)).flip(1)


def backbones(model: Seq2Exp) -> list[Backbone]:
    """Return a network's backbones: one where generator and predictor share it."""
    return [model.generator, *([] if model.encoder is None else [model.encoder])]


def with_scan(model: Seq2Exp, scan: str) -> Seq2Exp:
    """Return a copy of a network whose layers run as `Backbone.scan` names."""
    other = copy.deepcopy(model)
    for backbone in backbones(other):
        backbone.scan = scan
    return other


def with_peer(model: Seq2Exp, peer: Peer) -> Seq2Exp:
    """Return a copy of a network whose layers are a peer's, with the same weights."""
    other = with_scan(model, "torch")
    for backbone in backbones(other):
        for layer in backbone.layers:
            assert isinstance(layer.mixer, BiMamba)
            layer.mixer = PeerMixer(peer, model.config, layer.mixer)
    return other


@torch.no_grad()
def difference(ours: Seq2Exp, other: Seq2Exp, length: int = 2_000) -> float:
    """Return the most by which two networks' hidden states differ, over both backbones.

    Both read the same random embedding of one window of `length`; hidden states leave the last
    norm with a mean square of 1.
    """
    weight = ours.mask_output.weight
    generator = torch.Generator().manual_seed(length)
    x = torch.randn(1, length, weight.shape[1], generator=generator).to(weight)
    pairs = zip(backbones(ours), backbones(other), strict=True)
    return max(float((mine(x) - theirs(x)).abs().max()) for mine, theirs in pairs)
