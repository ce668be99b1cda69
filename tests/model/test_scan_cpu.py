import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seq2exp.model.scan import cpu
from seq2exp.model.scan.cpu import selective_scan_cpu

NAMES = ("x", "dt", "A", "B", "C", "D")
needs_kernel = pytest.mark.skipif(
    not any(shutil.which(name) for name in ("c++", "g++", "clang++")), reason="no C++ compiler"
)


def sequential(x: Tensor, dt: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """The definition, a step at a time; A and D may be [batch, length, ...] too."""
    batch, length, channels = x.shape
    A, D = A.expand(batch, length, channels, -1), D.expand(batch, length, channels)
    s = x.new_zeros(batch, channels, A.shape[-1])
    ys = []
    for t in range(length):
        dt_t, x_t = dt[:, t, :, None], x[:, t, :, None]
        s = torch.exp(dt_t * A[:, t]) * s + dt_t * x_t * B[:, t, None, :]
        ys.append((s * C[:, t, None, :]).sum(-1) + D[:, t] * x[:, t])
    return torch.stack(ys, 1)


def inputs(batch: int, length: int, channels: int, state: int, seed: int = 0) -> tuple[Tensor, ...]:
    """Random inputs over the range of a trained model: fast and slow states, small and large dt."""
    random = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random)

    return (
        normal(batch, length, channels),
        torch.nn.functional.softplus(2 * normal(batch, length, channels) - 2),
        -torch.exp(normal(channels, state) * 1.5),
        normal(batch, length, state),
        normal(batch, length, state),
        normal(channels),
    )


def flipped(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    x, dt, A, B, C, D = tensors
    return x.flip(1), dt.flip(1), A, B.flip(1), C.flip(1), D


def gradients(y: Tensor, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    weight = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    return torch.autograd.grad((y * weight).sum(), tensors)


def assert_close(value: Tensor, truth: Tensor, tolerance: float, name: str = "y") -> None:
    scale = truth.abs().max().clamp(min=1e-30)
    error = ((value.double() - truth).abs().max() / scale).item()
    assert error <= tolerance, f"{name}: {error:.2g} of its scale"


def leaves(tensors: tuple[Tensor, ...], dtype: torch.dtype) -> tuple[Tensor, ...]:
    return tuple(value.detach().to(dtype, copy=True).requires_grad_() for value in tensors)


def assert_right(tensors: tuple[Tensor, ...], reverse: bool = False) -> None:
    """Compare values and gradients with float64 autograd through the definition."""
    truth_in = leaves(tensors, torch.float64)
    truth = sequential(*(flipped(truth_in) if reverse else truth_in))
    truth = truth.flip(1) if reverse else truth
    ours_in = leaves(tensors, torch.float32)
    ours = selective_scan_cpu(*ours_in, reverse=reverse)
    with torch.no_grad():
        assert torch.equal(ours, selective_scan_cpu(*ours_in, reverse=reverse))
    assert_close(ours, truth, 1e-6)
    pairs = zip(gradients(ours, ours_in), gradients(truth, truth_in), NAMES, strict=True)
    for gradient, true_gradient, name in pairs:
        assert gradient.shape == true_gradient.shape
        error = (gradient.double() - true_gradient).abs().max().item()
        if error > 1e-5 * true_gradient.abs().max().item():
            # What may cancel in a sum over all steps is no error of ours.
            assert error < 1e-6 * terms(tensors, name, reverse), f"{name}: off by {error:.2g}"


def terms(tensors: tuple[Tensor, ...], name: str, reverse: bool) -> float:
    """The largest sum, over batch and steps, of the sizes of what makes up A's or D's gradient."""
    named = dict(zip(NAMES, leaves(tensors, torch.float64), strict=True))
    if name not in ("A", "D"):
        return 0.0
    batch, length, _ = named["x"].shape
    each = named[name].detach().expand(batch, length, *named[name].shape).clone().requires_grad_()
    named[name] = each
    x, dt, A, B, C, D = named.values()
    if reverse:
        x, dt, B, C = (value.flip(1) for value in (x, dt, B, C))
    y = sequential(x, dt, A, B, C, D)
    (grad,) = gradients(y.flip(1) if reverse else y, (each,))
    return grad.abs().sum((0, 1)).max().item()


# ---- Numbers -------------------------------------------------------------------------------------


@needs_kernel
@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    length=st.integers(1, 200),
    channels=st.integers(1, 40),
    state=st.integers(1, 16),
    seed=st.integers(0, 2**32),
    reverse=st.booleans(),
    segments=st.booleans(),
)
def test_values_and_gradients_of_random_shapes(
    batch: int, length: int, channels: int, state: int, seed: int, reverse: bool, segments: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if segments:  # so that the sums over channels of B's and C's gradients come every 64 steps
            patch.setattr(cpu, "PARTS_BYTES", 1)
        assert_right(inputs(batch, length, channels, state, seed), reverse)


@needs_kernel
@pytest.mark.parametrize("length", [1, 63, 64, 65, 128, 129])
@pytest.mark.parametrize("reverse", [False, True])
def test_lengths_around_the_chunks(length: int, reverse: bool) -> None:
    assert_right(inputs(1, length, 20, 16), reverse)


@needs_kernel
@pytest.mark.parametrize("state", [17, 32, 40])
def test_more_states_than_one_vector_group(state: int) -> None:
    assert_right(inputs(2, 70, 18, state), reverse=True)


@needs_kernel
def test_one_state_against_its_closed_form() -> None:
    # One impulse: y_t = C dt B x_0 exp(-rate (dt_1 + ... + dt_t)).
    length, rate, dt = 1000, 0.7, 0.01
    x = torch.zeros(1, length, 1)
    x[0, 0, 0] = 3.0
    ones = torch.ones(1, length, 1)
    y = selective_scan_cpu(
        x, dt * ones, torch.tensor([[-rate]]), 2 * ones, 5 * ones, torch.zeros(1)
    )
    decay = torch.exp(-rate * dt * torch.arange(length, dtype=torch.float64))
    assert_close(y[0, :, 0], 3 * dt * 2 * 5 * decay, 1e-6)


@needs_kernel
def test_a_slow_state_forgets_at_its_own_rate() -> None:
    # Single precision rounds the decay exp(-1e-4) by 3e-8; 10,000 such errors would add up to 1e-4.
    length, step = 30_000, 1e-4
    x = torch.zeros(1, length, 1)
    x[0, 0, 0] = 1.0
    dt, ones = torch.full((1, length, 1), 1e-3), torch.ones(1, length, 1)
    y = selective_scan_cpu(x, dt, torch.tensor([[-step / 1e-3]]), ones, ones, torch.zeros(1))
    decay = torch.exp(-step * torch.arange(length, dtype=torch.float64))
    assert_close(y[0, :, 0], 1e-3 * decay, 2e-6)


@needs_kernel
def test_the_largest_and_the_smallest_steps() -> None:
    x, dt, A, B, C, D = inputs(1, 80, 16, 16)
    dt[:, 20] = 1e6  # everything is forgotten
    dt[:, 30:40] = 0.0  # nothing is
    assert_right((x, dt, A, B, C, D))


@needs_kernel
def test_states_that_last_one_step() -> None:
    tensors = inputs(1, 80, 16, 16)
    x, dt, _, B, C, D = (value.double() for value in tensors)
    instant = selective_scan_cpu(*tensors[:2], tensors[2] * 1e30, *tensors[3:])
    assert_close(instant, dt * x * (B * C).sum(-1, keepdim=True) + D * x, 1e-6)


@needs_kernel
@pytest.mark.parametrize("nan", [float("nan"), -float("nan")])
@pytest.mark.parametrize("name", ["x", "dt", "A"])
def test_nan_is_not_hidden(name: str, nan: float) -> None:
    tensors = dict(zip(NAMES, inputs(1, 80, 20, 16), strict=True))
    where = (0, 10, 5) if name != "A" else (5, 3)
    tensors[name][where] = nan
    y = selective_scan_cpu(*tensors.values())
    assert y[0, 11:, 5].isnan().all()
    y[..., 5] = 0.0
    assert y.isfinite().all()


# ---- Layouts and limits --------------------------------------------------------------------------


@needs_kernel
def test_tensors_that_are_not_contiguous() -> None:
    tensors = inputs(2, 70, 20, 16)
    strided = []
    for value in tensors:
        wide = torch.zeros(*value.shape[:-1], value.shape[-1] * 2)
        wide[..., ::2] = value
        strided.append(wide[..., ::2])
    ours_in = tuple(value.requires_grad_() for value in strided)
    plain_in = leaves(tensors, torch.float32)
    ours, plain = selective_scan_cpu(*ours_in), selective_scan_cpu(*plain_in)
    assert torch.equal(ours, plain)
    for a, b in zip(gradients(ours, ours_in), gradients(plain, plain_in), strict=True):
        assert torch.equal(a, b)
    # An expanded gradient, as from a sum.
    (gradient,) = torch.autograd.grad(selective_scan_cpu(*ours_in).sum(), ours_in[:1])
    ones = torch.ones_like(plain)
    (same,) = torch.autograd.grad(selective_scan_cpu(*plain_in), plain_in[:1], ones)
    assert torch.equal(gradient, same)


@needs_kernel
@pytest.mark.parametrize("wanted", NAMES)
def test_gradient_of_one_input_alone(wanted: str) -> None:
    tensors = dict(zip(NAMES, inputs(1, 70, 20, 16), strict=True))
    tensors[wanted].requires_grad_()
    alone = torch.autograd.grad(selective_scan_cpu(*tensors.values()).sum(), tensors[wanted])[0]
    everything = leaves(tuple(tensors.values()), torch.float32)
    together = torch.autograd.grad(selective_scan_cpu(*everything).sum(), everything)
    assert torch.equal(alone, together[NAMES.index(wanted)])


@needs_kernel
def test_the_same_bits_whatever_the_threads() -> None:
    tensors = inputs(2, 3000, 70, 16)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5, 2):
            torch.set_num_threads(threads)
            ours_in = leaves(tensors, torch.float32)
            y = selective_scan_cpu(*ours_in)
            results.append((y.detach(), *gradients(y, ours_in)))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert torch.equal(a, b)


@needs_kernel
def test_scans_at_once_in_several_threads() -> None:
    tensors = inputs(1, 2000, 40, 16)
    truth = selective_scan_cpu(*tensors)
    same: list[bool] = []

    def work() -> None:
        same.extend(torch.equal(selective_scan_cpu(*tensors), truth) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == [True] * 20


@needs_kernel
@pytest.mark.parametrize("shape", [(0, 5, 4, 3), (2, 0, 4, 3), (2, 5, 0, 3), (2, 5, 4, 0)])
def test_nothing_to_scan(shape: tuple[int, int, int, int]) -> None:
    tensors = inputs(*shape)
    assert torch.equal(selective_scan_cpu(*tensors), tensors[-1] * tensors[0])


@needs_kernel
def test_double_backward_is_refused() -> None:
    x, *rest = inputs(1, 10, 4, 16)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(
        selective_scan_cpu(x, *rest).square().sum(), x, create_graph=True
    )
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_wrong_shape_is_named(name: str) -> None:
    tensors = dict(zip(NAMES, inputs(2, 5, 4, 3), strict=True))
    tensors[name] = torch.cat([tensors[name], tensors[name]])
    with pytest.raises(ValueError, match=rf"must be .*\[{'4' if name == 'D' else ''}"):
        selective_scan_cpu(*tensors.values())


def test_wrong_ranks_and_types_are_named() -> None:
    x, dt, A, B, C, D = inputs(2, 5, 4, 3)
    with pytest.raises(ValueError, match="x must be"):
        selective_scan_cpu(x[0], dt, A, B, C, D)
    with pytest.raises(TypeError, match=r"B is torch\.float64"):
        selective_scan_cpu(x, dt, A, B.double(), C, D)
    with pytest.raises(TypeError, match=r"D is .* on meta"):
        selective_scan_cpu(x, dt, A, B, C, D.to("meta"))


# ---- Building ------------------------------------------------------------------------------------


@pytest.fixture
def anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache and a module that has not looked for a compiler yet."""
    monkeypatch.setenv("SEQ2EXP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CXX", raising=False)
    cpu.LIBRARY.forget()
    yield tmp_path / "cache"
    cpu.LIBRARY.forget()


def assert_absent(caplog: pytest.LogCaptureFixture, why: str) -> None:
    with caplog.at_level(logging.WARNING):
        assert not cpu.available()
        assert not cpu.available()
    assert len(caplog.messages) == 1, "said once"
    assert why in caplog.messages[0]
    with pytest.raises(RuntimeError, match="not available"):
        selective_scan_cpu(*inputs(1, 5, 4, 3))


def script(path: Path, text: str) -> str:
    path.write_text(f"#!{shutil.which('sh')}\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_no_compiler(
    anew: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "")
    assert_absent(caplog, "no C++ compiler")


def test_chosen_compiler_is_missing(
    anew: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler -O1")
    assert_absent(caplog, "'no-such-compiler -O1'")


def test_compiler_that_fails(
    anew: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fails = 'test "$1" = --version && exit\necho "scan.cpp:1: error: no headers" >&2\nexit 1'
    monkeypatch.setenv("CXX", script(tmp_path / "broken++", fails))
    assert_absent(caplog, "scan.cpp:1: error: no headers")
    assert not list((anew / "kernels").iterdir())


def test_compiler_that_makes_something_else(
    anew: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    makes = 'test "$1" = --version && exit\nfor out; do :; done\necho nonsense > "$out"'
    monkeypatch.setenv("CXX", script(tmp_path / "odd++", makes))
    assert_absent(caplog, "scan-")


def test_cache_that_cannot_be_written(
    anew: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SEQ2EXP_CACHE", str(tmp_path / "file"))
    compiler = script(tmp_path / "any++", "exit 0")
    monkeypatch.setenv("CXX", compiler)
    assert_absent(caplog, "file")


@needs_kernel
def test_compiler_that_does_not_know_this_processor(
    anew: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    old = f'case "$*" in *=native*) exit 1;; esac\nexec {compiler} "$@"'
    monkeypatch.setenv("CXX", script(tmp_path / "old++", old))
    assert cpu.available()
    assert_right(inputs(2, 70, 20, 16), reverse=True)


@needs_kernel
def test_a_second_process_takes_what_the_first_built(
    anew: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert cpu.available()
        cpu.LIBRARY.forget()
        assert cpu.available()
    assert ["built" in message for message in caplog.messages] == [True]
    assert {path.suffix for path in (anew / "kernels").iterdir()} == {".so", ".sha256"}


@needs_kernel
def test_processes_that_build_at_once(tmp_path: Path) -> None:
    program = (
        "from seq2exp.model.scan import cpu; import torch; o = torch.ones; "
        "print(cpu.selective_scan_cpu(o(1,2,1), o(1,2,1), -o(1,1), o(1,2,1), o(1,2,1), o(1))"
        ".flatten().tolist())"
    )
    environment = os.environ | {"SEQ2EXP_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert outputs[0] == outputs[1] == "[2.0, 2.3678793907165527]\n"
    assert len(list((tmp_path / "kernels").glob("*.so"))) == 1
