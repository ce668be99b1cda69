"""Which scan runs where, and that every one of them keeps its state in single precision."""

import importlib.util
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from released_layout import inputs as windows
from released_layout import random_model
from test_scan_cpu import gradients, inputs, leaves, sequential

from seq2exp.model import scan
from seq2exp.model.config import ModelConfig

GPU = torch.cuda.is_available()


@pytest.fixture(autouse=True)
def first_choice() -> Iterator[None]:
    """Nothing has been chosen yet, nor is it afterwards."""
    scan._resolve.cache_clear()
    yield
    scan._resolve.cache_clear()


# ---- Choosing ------------------------------------------------------------------------------------


def test_what_there_is() -> None:
    found = scan.implementations()
    assert list(found) == ["torch", "cpu", "triton", "mamba_ssm"]
    assert found["torch"]
    if not GPU:
        assert not found["triton"] and not found["mamba_ssm"]
    assert not found["mamba_ssm"] or importlib.util.find_spec("mamba_ssm")


def test_the_first_choice_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    name = "cpu" if scan.implementations()["cpu"] else "torch"
    with caplog.at_level(logging.INFO, "seq2exp.model.scan"):
        for _ in range(3):
            assert scan.resolve("auto", "cpu") == name
    assert caplog.messages == [f"selective scan on cpu: {name}"]


def test_a_gpu_gets_triton_where_it_runs_else_torch() -> None:
    name = "triton" if scan.implementations()["triton"] else "torch"
    assert scan.resolve("auto", "cuda") == name
    assert scan.resolve("auto", torch.device("cuda", 1)) == name


def test_devices_that_nobody_wrote_a_kernel_for_get_torch() -> None:
    assert scan.resolve("auto", "mps") == scan.resolve("torch", "mps") == "torch"
    assert scan.resolve("torch", torch.device("cpu")) == "torch"


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="'fast'; use one of auto, torch, cpu, triton, mamba_ssm"):
        scan.resolve("fast", "cpu")


@pytest.mark.parametrize(
    ("name", "device", "only"),
    [("cpu", "cuda", "cpu"), ("triton", "cpu", "cuda"), ("mamba_ssm", "cpu", "cuda")],
)
def test_a_scan_for_another_device_is_refused(name: str, device: str, only: str) -> None:
    with pytest.raises(
        ValueError, match=f"'{name}' cannot run on {device} tensors, only on {only}"
    ):
        scan.resolve(name, device)


@pytest.mark.skipif(GPU, reason="there is a GPU")
@pytest.mark.parametrize("name", ["triton", "mamba_ssm"])
def test_a_scan_that_is_not_here_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is not available on this machine"):
        scan.resolve(name, "cuda")


def test_a_refused_name_is_refused_by_the_scan() -> None:
    with pytest.raises(ValueError, match="'triton' cannot run on cpu tensors"):
        scan.selective_scan(*inputs(1, 5, 4, 3), implementation="triton")


def test_float64_keeps_its_precision_under_auto() -> None:
    values = leaves(inputs(1, 20, 2, 3), torch.float64)
    got = scan.selective_scan(*values)
    assert got.dtype == torch.float64
    torch.testing.assert_close(got, sequential(*values), rtol=1e-12, atol=1e-12)


def test_a_scan_in_main_memory_imports_no_gpu_package() -> None:
    script = """
import sys, torch
from seq2exp.model import scan
before = "triton" in sys.modules
scan.selective_scan(*(torch.ones(shape) for shape in ((1, 2, 1),) * 2 + ((1, 1),)
    + ((1, 2, 1),) * 2 + ((1,),)), implementation="torch")
assert scan.implementations()["torch"]
assert before or "triton" not in sys.modules
assert "seq2exp.model.scan.triton_kernels" not in sys.modules
"""
    if GPU:
        pytest.skip("there is a GPU, on which Triton is tried")
    subprocess.run([sys.executable, "-c", script], check=True)


# ---- Precision -----------------------------------------------------------------------------------


def names() -> list[str]:
    return [name for name, able in scan.implementations().items() if able]


@pytest.mark.parametrize("name", [*scan._IMPLEMENTATIONS, "auto"])
def test_under_autocast_a_state_grows_past_where_bfloat16_would_stop(name: str) -> None:
    if name not in (*names(), "auto"):
        pytest.skip(f"{name} is not available on this machine")
    device = "cuda" if name in ("triton", "mamba_ssm") else "cpu"
    # 1/8 is added at every step; from 32 on bfloat16 cannot hold the next sum.
    length = 2000
    ones = torch.ones(1, length, 1, dtype=torch.bfloat16, device=device)
    rate, skip = torch.full((1, 1), -1e-9, device=device), torch.zeros(1, device=device)
    with torch.autocast(device, torch.bfloat16):
        y = scan.selective_scan(ones, ones / 8, rate, ones, ones, skip, implementation=name)
    assert y.dtype == torch.bfloat16
    want = torch.arange(1, length + 1) / 8
    torch.testing.assert_close(y[0, :, 0].float().cpu(), want, rtol=2**-7, atol=0)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_network_under_autocast_has_gradients_near_those_of_float32(device: str) -> None:
    if device == "cuda" and not GPU:
        pytest.skip("no GPU")
    model = random_model(ModelConfig.soft("tiny", promoter=8)).to(device)
    given = tuple(value.to(device) for value in windows(2, 200))
    found = []
    for half in (False, True):
        model.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=half):
            out = model(*given)
        (out.prediction.square().sum() + out.alpha.log().mean()).backward()
        found.append({n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad})
    whole, near = found
    assert all(bool(grad.isfinite().all()) for grad in near.values())
    apart = sum((near[n] - whole[n]).square().sum() for n in whole) ** 0.5
    assert apart < 0.05 * sum(grad.square().sum() for grad in whole.values()) ** 0.5


@pytest.mark.skipif(
    not GPU or importlib.util.find_spec("mamba_ssm") is None,
    reason="needs the package mamba_ssm and a GPU",
)
@pytest.mark.parametrize("reverse", [False, True])
def test_mamba_ssm_agrees_with_torch(reverse: bool) -> None:
    tensors = tuple(value.cuda() for value in inputs(2, 300, 32, 16))
    results = []
    for name in ("mamba_ssm", "torch"):
        given = leaves(tensors, torch.float32)
        y = scan.selective_scan(*given, reverse=reverse, implementation=name).cpu()
        results.append((y.detach(), *gradients(y, given)))
    for a, b in zip(*results, strict=True):
        assert float((a - b).norm() / b.norm()) < 1e-4
