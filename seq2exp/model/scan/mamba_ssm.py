"""The selective scan of the `mamba_ssm` package, for machines that have it: an adapter.

The package's CUDA kernels take [batch, channels, length], so that tensors are transposed on the
way in and out, and scan forward alone, so that a reverse scan is that of the flipped sequence.
Gu & Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces" (2023).
"""

import importlib.util
import logging
from functools import cache, reduce

import torch
from torch import Tensor

logger = logging.getLogger(__name__)


@cache
def available() -> bool:
    """Return whether the package can be imported here and there is a GPU for it."""
    if not torch.cuda.is_available() or importlib.util.find_spec("mamba_ssm") is None:
        return False
    try:
        import mamba_ssm.ops.selective_scan_interface  # noqa: F401
    except Exception as error:  # a build for another torch or CUDA fails in many ways
        logger.warning("mamba_ssm cannot be used: %s: %s", type(error).__name__, error)
        return False
    return True


def selective_scan(
    x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, *, reverse: bool = False
) -> Tensor:
    """Run the scan; shapes as in `seq2exp.model.scan.selective_scan`.

    The kernels want x, dt, B and C of one dtype: the widest that they have. States are float32.
    """
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn

    dtype = reduce(torch.promote_types, (value.dtype for value in (x, dt, B, C)))

    def laid_out(value: Tensor) -> Tensor:
        value = value.to(dtype)
        return (value.flip(1) if reverse else value).transpose(1, 2).contiguous()

    x_, dt_, B_, C_ = (laid_out(value) for value in (x, dt, B, C))
    y = selective_scan_fn(x_, dt_, A.float().contiguous(), B_, C_, D.float().contiguous())
    y = y.transpose(1, 2).to(x.dtype)
    return y.flip(1) if reverse else y
