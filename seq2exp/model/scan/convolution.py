"""The short causal convolution before a scan, with its SiLU."""

import importlib.util
import logging
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

logger = logging.getLogger(__name__)

# The kernel lengths of the causal_conv1d package.
_TAPS = (2, 3, 4)


@cache
def available() -> bool:
    """Return whether the `causal_conv1d` package can be imported here and there is a GPU for it."""
    if not torch.cuda.is_available() or importlib.util.find_spec("causal_conv1d") is None:
        return False
    try:
        import causal_conv1d  # noqa: F401
    except Exception as error:  # a build for another torch or CUDA fails in many ways
        logger.warning("causal_conv1d cannot be used: %s: %s", type(error).__name__, error)
        return False
    return True


def causal_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    reverse: bool = False,
    *,
    implementation: str = "auto",
) -> Tensor:
    """Convolve each channel over the positions up to t (in `reverse`: from t on), then SiLU.

    Parameters
    ----------
    x : Tensor [batch, length, channels]
    weight : Tensor [channels, 1, taps]
        As `torch.nn.Conv1d` with as many groups as channels holds it; the last tap is position t's.
    bias : Tensor [channels] or None
    reverse : bool
        Convolve the flipped sequence and flip the result.
    implementation : str
        Of the scan. "mamba_ssm" takes its companion `causal_conv1d` where that is there, for
        tensors on a GPU and 2 to 4 taps; every other name is PyTorch's own convolution.

    Returns
    -------
    Tensor [batch, length, channels]
    """
    taps = weight.shape[-1]
    if implementation == "mamba_ssm" and x.is_cuda and taps in _TAPS and available():
        from causal_conv1d import causal_conv1d_fn

        rows = (x.flip(1) if reverse else x).transpose(1, 2)  # [batch, channels, length]
        out = causal_conv1d_fn(rows.contiguous(), weight.squeeze(1), bias, activation="silu")
        out = out.transpose(1, 2)
        return out.flip(1) if reverse else out
    # As an image of height 1 it runs on x as it lies in memory, without a transpose.
    image = x.transpose(1, 2).unsqueeze(2)  # [batch, channels, 1, length]
    if reverse:
        weight = weight.flip(-1)
    out = functional.conv2d(
        image, weight.unsqueeze(2), bias, padding=(0, taps - 1), groups=x.shape[2]
    ).squeeze(2)  # [batch, channels, length + taps - 1]
    out = out[..., taps - 1 :] if reverse else out[..., : x.shape[1]]
    return functional.silu(out.transpose(1, 2))
