"""The Triton scan against float64 autograd through the definition.

On a GPU the kernels run as they are. Elsewhere `test_in_triton_s_interpreter` runs this file again
in a process where Triton interprets them, as it has to know that before it is imported; there they
are slow, so sequences are short and so are the chunks.
"""

import importlib.util
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_scan_cpu import NAMES, assert_close, flipped, gradients, inputs, leaves, sequential
from torch import Tensor

from seq2exp.model import scan
from seq2exp.model.scan import triton_scan

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed"
)
runs = pytest.mark.skipif(
    not INTERPRETED and not torch.cuda.is_available(),
    reason="no GPU: test_in_triton_s_interpreter runs it in a process of its own",
)
needs_gpu = pytest.mark.skipif(
    INTERPRETED or not torch.cuda.is_available(), reason="no GPU, and too long to interpret"
)


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Several chunks in short sequences."""
    monkeypatch.setattr(triton_scan, "STEPS", 8)
    monkeypatch.setattr(triton_scan, "CHUNKS_AHEAD", 2)
    yield


def ours(tensors: tuple[Tensor, ...], reverse: bool = False) -> Tensor:
    """Our scan of tensors in main memory, with the result there too."""
    placed = (value.to(DEVICE) for value in tensors)
    return triton_scan.selective_scan(*placed, reverse=reverse).cpu()


def relative(value: Tensor, truth: Tensor, least: Tensor | None = None) -> float:
    """The norm of the error by that of the truth, or of `least` where that is larger."""
    assert value.shape == truth.shape
    scale = max(
        tensor.detach().norm().item() for tensor in (truth, truth if least is None else least)
    )
    return (value.detach().double() - truth.detach()).norm().item() / max(scale, 1e-30)


def sums_and_gradients(tensors: tuple[Tensor, ...], reverse: bool) -> tuple[Tensor, ...]:
    """y and the six gradients, in float64 by autograd through the definition."""
    given = leaves(tensors, torch.float64)
    y = sequential(*(flipped(given) if reverse else given))
    y = y.flip(1) if reverse else y
    return y, *gradients(y, given)


def assert_right(
    tensors: tuple[Tensor, ...], reverse: bool = False, y: float = 1e-6, gradient: float = 1e-5
) -> None:
    """Compare with float64; the tolerances are norms of errors relative to what is right.

    Where terms of both signs cancel, relative to a tenth of what they add up to without signs.
    """
    truth = sums_and_gradients(tensors, reverse)
    x, dt, A, B, C, D = tensors
    unsigned = sums_and_gradients((x.abs(), dt, A, B.abs(), C.abs(), D.abs()), reverse)
    given = tuple(value.detach().clone().requires_grad_() for value in tensors)
    got = ours(given, reverse)
    found = (got, *gradients(got, given))
    for name, tensor, value, right, least in zip(
        ("y", *NAMES), (x, *tensors), found, truth, unsigned, strict=True
    ):
        assert value.dtype == tensor.dtype
        error = relative(value, right, 0.1 * least)
        assert error < (y if name == "y" else gradient), f"{name}: {error:.2g}"


# ---- Running this file and the compiler without a GPU --------------------------------------------


@needs_triton
@pytest.mark.skipif(
    DEVICE == "cpu" or torch.cuda.is_available(), reason="the tests run as they are"
)
def test_in_triton_s_interpreter() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout


def variants() -> Iterator[tuple[str, dict[str, object], dict[str, str]]]:
    """Kernels, their constants, and the types of the tensors that are not float32."""
    common = {"AHEAD": triton_scan.AHEAD, "STATE": 16, "BLOCK": triton_scan.BLOCK}
    sweep = {"ADJOINT": False, "FROM_REST": False, "OUTPUT": False, "MARKS": False, **common}
    half = dict.fromkeys(("x", "y", "B", "C"), "bf16")
    yield "sweep", {**sweep, "REVERSE": False, "FROM_REST": True}, {}
    yield "sweep", {**sweep, "REVERSE": True, "FROM_REST": True, "ADJOINT": True}, {}
    yield "sweep", {**sweep, "REVERSE": True, "OUTPUT": True}, half
    yield "sweep", {**sweep, "REVERSE": False, "MARKS": True}, half
    yield "chain", {"ADJOINT": True, "AHEAD": triton_scan.CHUNKS_AHEAD, "BLOCK": 32}, {}
    yield "gradient", {**common, "REVERSE": False}, {**half, "dy": "bf16", "dx": "bf16"}
    # One channel, one state: Triton makes constants of arguments that are 1.
    one = dict.fromkeys(("channels", "state", "blocks"), 1)
    yield "gradient", {**common, **one, "REVERSE": True, "STATE": 1}, {}


@needs_triton
@pytest.mark.skipif(INTERPRETED, reason="an interpreting Triton compiles nothing")
def test_the_kernels_compile_for_a_hopper_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The interpreter takes Python that the compiler does not.
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from seq2exp.model.scan import triton_kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    for kernel, constants, types in variants():
        function = getattr(triton_kernels, kernel)
        tensors = {"dt", "x", "dy", "y", "B", "C", "D", "rates", "edges", "sums", "marks"}
        tensors |= {"d_dt", "dx", "dA", "dB", "dC", "dD"}
        signature = {
            name: "constexpr"
            if name in constants
            else "*" + types.get(name, "fp32")
            if name in tensors
            else "i32"
            for name in function.arg_names
        }
        source = ASTSource(function, signature, constexprs=constants)
        compiled = triton.compile(
            source, target=GPUTarget("cuda", 90, 32), options=triton_scan.OPTIONS
        )
        assert ".target sm_90" in compiled.asm["ptx"]
        assert len(compiled.asm["cubin"]) > 0


# ---- Numbers -------------------------------------------------------------------------------------


@needs_triton
@runs
@settings(max_examples=5 if INTERPRETED else 100, deadline=None)
@given(
    batch=st.integers(1, 2),
    length=st.integers(1, 20 if INTERPRETED else 600),
    channels=st.integers(1, 40),
    state=st.integers(1, 20),
    seed=st.integers(0, 2**32),
    reverse=st.booleans(),
    parts=st.booleans(),
)
def test_values_and_gradients_of_random_shapes(
    batch: int, length: int, channels: int, state: int, seed: int, reverse: bool, parts: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if parts:  # a chunk's marks at a time
            patch.setattr(triton_scan, "MARKS", 1)
        assert_right(inputs(batch, length, channels, state, seed), reverse)


@needs_triton
@runs
@pytest.mark.parametrize(
    ("batch", "length", "channels", "reverse"),
    [(1, 8, 3, True), (1, 9, 3, False), (2, 9, 3, True), (1, 25, 33, False)],
)
def test_lengths_around_the_chunks(batch: int, length: int, channels: int, reverse: bool) -> None:
    assert_right(inputs(batch, length, channels, 16), reverse)


@needs_triton
@runs
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_read_as_it_is(dtype: torch.dtype) -> None:
    # x, B and C as autocast gives them; the truth starts from the rounded values.
    x, dt, A, B, C, D = inputs(2, 15, 6, 5)
    mixed = tuple(
        value.requires_grad_() for value in (x.to(dtype), dt, A, B.to(dtype), C.to(dtype), D)
    )
    right = leaves(mixed, torch.float64)
    got, truth = ours(mixed), sequential(*right)
    found = (got, *torch.autograd.grad(got.sum(), mixed))
    wanted = (truth, *torch.autograd.grad(truth.sum(), right))
    for name, value, wish in zip(("y", *NAMES), found, wanted, strict=True):
        rounded = name in ("y", "x", "B", "C")
        assert value.dtype == (dtype if rounded else torch.float32), name
        assert relative(value, wish) < (torch.finfo(dtype).eps if rounded else 1e-6), name


@needs_triton
@runs
def test_a_state_grows_past_where_bfloat16_would_stop() -> None:
    # From 256 on bfloat16 cannot hold the sum with 1.
    length = 40
    ones = torch.ones(1, length, 1, dtype=torch.bfloat16)
    dt = ones.clone()
    dt[:, 0] = 256.0
    tiny = torch.full((1, 1), -1e-9)
    with torch.autocast(DEVICE, torch.bfloat16):
        y = ours((ones, dt, tiny, ones, ones, torch.zeros(1)))
    assert y.dtype == torch.bfloat16
    # The interpreter cuts digits off where a GPU rounds.
    assert_close(y[0, :, 0], 256 + torch.arange(length, dtype=torch.float64), 2**-7)


@needs_triton
@runs
def test_a_slow_state_forgets_at_its_own_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    # Halfway between two floats: single precision would round the decay by 3e-8 at every step of
    # the chunk, which adds up to 4e-6.
    length = 128
    monkeypatch.setattr(triton_scan, "STEPS", length)
    monkeypatch.setattr(triton_scan, "FEWEST_STEPS", length)
    step = -math.log(1 - (20_000 + 0.5) * 2.0**-24)
    x = torch.zeros(1, length, 1)
    x[0, 0, 0] = 1.0
    ones = torch.ones(1, length, 1)
    decay = torch.exp(-step * torch.arange(length, dtype=torch.float64))
    y = ours((x, ones, torch.tensor([[-step]]), ones, ones, torch.zeros(1)))
    assert_close(y[0, :, 0], decay, 1e-6)


@needs_triton
@runs
def test_the_largest_and_the_smallest_steps() -> None:
    x, dt, A, B, C, D = inputs(1, 24, 4, 16)
    dt[:, 5] = 1e6  # everything is forgotten
    dt[:, 10:20] = 0.0  # nothing is
    assert_right((x, dt, A, B, C, D))


@needs_triton
@runs
@pytest.mark.parametrize("name", ["x", "dt", "A"])
def test_nan_is_not_hidden(name: str) -> None:
    tensors = dict(zip(NAMES, inputs(1, 20, 8, 4), strict=True))
    tensors[name][(0, 10, 5) if name != "A" else (5, 3)] = math.nan
    y = ours(tuple(tensors.values()))
    assert y[0, 11:, 5].isnan().all()
    y[..., 5] = 0.0
    assert y.isfinite().all()


@needs_gpu
@needs_triton
def test_a_whole_window_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # chunks as they are
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 1e-2)):
        x, dt, A, B, C, D = inputs(1, 200_000, 256, 16)
        tensors = (x.to(dtype), dt, A, B.to(dtype), C.to(dtype), D)
        names = ("triton", "triton", "torch")
        results = []
        for name in names:
            placed = tuple(value.detach().to(DEVICE).requires_grad_() for value in tensors)
            y = scan.selective_scan(*placed, reverse=True, implementation=name)
            results.append((y, *torch.autograd.grad(y.float().square().sum(), placed)))
        for a, b, truth in zip(*results, strict=True):
            assert torch.equal(a, b), "the same bits from run to run"
            assert relative(a, truth.double()) < tolerance


# ---- Layouts and limits --------------------------------------------------------------------------


@needs_triton
@runs
def test_views_are_read_as_they_lie() -> None:
    tensors = inputs(2, 7, 6, 4)
    x, dt, A, B, C, D = tensors
    _, B_, C_ = torch.cat([x, B, C], -1).split([6, 4, 4], -1)  # as the layer passes them
    x_ = x.transpose(1, 2).contiguous().transpose(1, 2)  # channels apart: this one is copied
    dt_ = torch.nn.functional.pad(dt, (0, 0, 3, 0))[:, 3:]
    views = (x_, dt_, A.t().contiguous().t(), B_, C_, D)
    assert not any(value.is_contiguous() for value in views[:5])
    ours_in = tuple(value.requires_grad_() for value in views)
    plain_in = leaves(tensors, torch.float32)
    got, plain = ours(ours_in), ours(plain_in)
    assert torch.equal(got, plain)
    for a, b in zip(gradients(got, ours_in), gradients(plain, plain_in), strict=True):
        assert torch.equal(a, b)
    # The gradient of a sum is one number, expanded.
    (gradient,) = torch.autograd.grad(ours(plain_in).sum(), plain_in[:1])
    (same,) = torch.autograd.grad(ours(plain_in), plain_in[:1], torch.ones_like(plain))
    assert torch.equal(gradient, same)


@needs_triton
@runs
def test_double_backward_is_refused() -> None:
    x, *rest = inputs(1, 4, 2, 2)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(ours((x, *rest)).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize("shape", [(0, 5, 4, 3), (2, 0, 4, 3), (2, 5, 0, 3), (2, 5, 4, 0)])
def test_nothing_to_scan(shape: tuple[int, int, int, int]) -> None:
    x, dt, A, B, C, D = inputs(*shape)
    half = x.bfloat16().requires_grad_()
    y = triton_scan.selective_scan(half, dt, A, B, C, D)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y, (D * x).bfloat16(), rtol=2**-7, atol=0)
    y.sum().backward()
    assert half.grad is not None and half.grad.shape == x.shape


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_wrong_shape_is_named(name: str) -> None:
    tensors = dict(zip(NAMES, inputs(2, 5, 4, 3), strict=True))
    tensors[name] = torch.cat([tensors[name], tensors[name]])
    with pytest.raises(ValueError, match=rf"{name} must be \[.*not"):
        triton_scan.selective_scan(*tensors.values())


def test_other_devices_and_double_precision_are_named() -> None:
    x, dt, A, B, C, D = inputs(2, 5, 4, 3)
    with pytest.raises(ValueError, match="D is on meta and x on cpu"):
        triton_scan.selective_scan(x, dt, A, B, C, D.to("meta"))
    with pytest.raises(TypeError, match="'torch' for float64"):
        triton_scan.selective_scan(x, dt, A, B.double(), C, D)


@needs_triton
@runs
def test_the_trial_runs_where_no_gradient_is_asked_for() -> None:
    with torch.no_grad():
        triton_scan._try(DEVICE)
    with torch.inference_mode():
        triton_scan._try(DEVICE)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_not_available_without_a_gpu() -> None:
    assert not triton_scan.available()
