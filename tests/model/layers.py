"""Layers with random weights, and compilers for older processors, for the kernels' tests."""

import platform
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from seq2exp.model.mamba import Layer

needs_kernel = pytest.mark.skipif(
    not any(shutil.which(name) for name in ("c++", "g++", "clang++")), reason="no C++ compiler"
)

#: What layers and their inputs are drawn from; `carried`: whether a residual comes in.
LAYERS = {
    "batch": st.integers(1, 3),
    "width": st.integers(1, 40),
    "state": st.integers(1, 16),
    "conv": st.integers(1, 4),
    "expand": st.integers(1, 3),
    "seed": st.integers(0, 2**32),
    "carried": st.booleans(),
}


def make_layer(width: int, state: int = 16, conv: int = 4, expand: int = 2, seed: int = 0) -> Layer:
    """A layer with every weight away from its starting value."""
    torch.manual_seed(seed)
    layer = Layer(width, state, conv, expand, 4)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    return layer


def error(value: Tensor, truth: Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    assert value.shape == truth.shape
    return ((value.double() - truth).abs().max() / truth.abs().max().clamp(min=1e-30)).item()


#: For each older kind of processor that this one can stand for: how many lanes its vectors have.
older_processors = pytest.mark.parametrize(
    "target",
    [
        pytest.param(
            target,
            marks=pytest.mark.skipif(
                platform.machine() not in ("x86_64", "AMD64")
                or (target == "haswell" and not torch.backends.cpu.get_cpu_capability() >= "AVX2"),
                reason=f"this processor is no {target}",
            ),
        )
        for target in ("haswell", "x86-64")
    ],
)


def compiler_for(target: str, folder: Path) -> Path:
    """A compiler that takes this machine's processor for an older one."""
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    path = folder / "older++"
    swap = f'[ "$a" = -march=native ] && a=-march={target}'
    older = f'for a; do shift; {swap}; set -- "$@" "$a"; done'
    path.write_text(f'#!{shutil.which("sh")}\n{older}\nexec {compiler} "$@"\n')
    path.chmod(0o755)
    return path
