"""State dicts and Lightning files in the authors' layout, made from one of our models."""

from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor

from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp


def random_model(config: ModelConfig, seed: int = 0) -> Seq2Exp:
    """A network with every weight away from its starting value, so that all of them matter."""
    torch.manual_seed(seed)
    model = Seq2Exp(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter += 0.2 * torch.randn_like(parameter)
            if "out_proj" in name:
                parameter *= 4
    return model


def released_state(model: Seq2Exp) -> "OrderedDict[str, Tensor]":
    """The tensors of a model under the released names, `model.` first."""
    state: OrderedDict[str, Tensor] = OrderedDict()
    for name, value in model.state_dict().items():
        part, _, rest = name.partition(".")
        networks = [part]
        if part == "generator" and model.encoder is None:
            networks.append("encoder")
        for network in networks:
            if part not in ("generator", "encoder"):
                state[f"model.{name}"] = value
            elif ".mixer.in_proj" in name or ".mixer.out_proj" in name:
                for direction in ("mamba_fwd", "mamba_rev"):
                    inner = rest.replace(".mixer.", f".mixer.{direction}.")
                    state[f"model.{network}.backbone.{inner}"] = value
            else:
                state[f"model.{network}.backbone.{rest}"] = value
    return state


def arrays(model: Seq2Exp) -> dict[str, np.ndarray]:
    """The same without `model.`, as float64 numpy for the reference."""
    return {
        name.removeprefix("model."): value.detach().double().numpy()
        for name, value in released_state(model).items()
    }


def inputs(batch: int, length: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """One-hot with some N, skewed signals, features."""
    g = torch.Generator().manual_seed(seed)
    codes = torch.randint(0, 5, (batch, length), generator=g)
    one_hot = torch.nn.functional.one_hot(codes, 5)[..., :4].float()
    signals = torch.rand(batch, length, 3, generator=g) ** 3 * 4
    return one_hot, signals, torch.randn(batch, 9, generator=g)
