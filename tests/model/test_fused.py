"""The fused layer against the torch modules in float64, and when it is chosen."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy_network
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import LAYERS, compiler_for, error, make_layer, needs_kernel, older_processors
from released_layout import arrays, random_model
from torch import Tensor

from seq2exp.model.config import ModelConfig
from seq2exp.model.mamba import Backbone, Layer
from seq2exp.model.scan import fused
from seq2exp.model.seq2exp import Seq2Exp


def exact(layer: Layer, x: Tensor, residual: Tensor | None, lengths: Tensor | None) -> Tensor:
    """The layer's output by its torch modules in float64."""
    wide = None if residual is None else residual.double()
    try:
        with torch.no_grad():
            return layer.double()(x.double(), wide, lengths)[0]
    finally:
        layer.float()


def run(
    layer: Layer, x: Tensor, residual: Tensor | None = None, lengths: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    with torch.no_grad():
        return layer(x, residual, lengths, "auto", fused.Scratch())


def assert_right(
    layer: Layer, x: Tensor, residual: Tensor | None, lengths: Tensor | None, allowed: float = 5e-6
) -> None:
    truth = exact(layer, x, residual, lengths)
    with torch.no_grad():
        plain, plain_sum = layer(x, residual, lengths)
    ours, ours_sum = run(layer, x, residual, lengths)
    assert torch.equal(ours_sum, plain_sum)
    for i in range(len(x)):
        n = x.shape[1] if lengths is None else int(lengths[i])
        if n:
            assert error(ours[i, :n], truth[i, :n]) < allowed
            assert error(ours[i, :n], plain[i, :n].double()) < 1e-5
        assert not ours[i, n:].any()


# ---- Numbers -------------------------------------------------------------------------------------


@needs_kernel
@settings(max_examples=40, deadline=None)
@given(
    **LAYERS,
    length=st.integers(1, 600),
    padded=st.booleans(),
)
def test_random_shapes(
    batch: int,
    length: int,
    width: int,
    state: int,
    conv: int,
    expand: int,
    seed: int,
    carried: bool,
    padded: bool,
) -> None:
    layer = make_layer(width, state, conv, expand, seed)
    x = torch.randn(batch, length, width)
    residual = torch.randn_like(x) if carried else None
    lengths = torch.randint(0, length + 1, (batch,)) if padded else None
    assert_right(layer, x, residual, lengths)


@needs_kernel
@pytest.mark.parametrize("width", [32, 128])
@pytest.mark.parametrize("length", [1, 3, 47, 48, 49, 383, 384, 385, 768, 1501])
def test_the_models_widths_at_lengths_around_the_chunks(width: int, length: int) -> None:
    layer = make_layer(width)
    x = torch.randn(1, length, width)
    assert_right(layer, x, torch.randn_like(x), None)


@needs_kernel
def test_as_near_to_float64_as_the_torch_modules() -> None:
    ours, theirs = [], []
    for seed in range(6):
        layer = make_layer(64, seed=seed)
        x, residual = torch.randn(2, 1, 1000, 64)
        truth = exact(layer, x, residual, None)
        with torch.no_grad():
            plain = layer(x, residual)[0]
        theirs.append((plain.double() - truth).square().mean().sqrt().item())
        ours.append((run(layer, x, residual)[0].double() - truth).square().mean().sqrt().item())
    assert np.mean(ours) < 1.1 * np.mean(theirs)


@needs_kernel
def test_far_out_in_the_curves() -> None:
    # Steps from 1e-13 to 40, gates and convolutions from -60 to 60.
    layer = make_layer(32)
    with torch.no_grad():
        for mamba in (layer.mixer.mamba_fwd, layer.mixer.mamba_rev):
            mamba.dt_proj.bias.copy_(torch.linspace(-30, 40, 64))
            mamba.conv1d.bias.copy_(torch.linspace(60, -60, 64))
        layer.mixer.in_proj.weight[64:] *= 20
    assert_right(layer, torch.randn(1, 300, 32), None, None)


@needs_kernel
@pytest.mark.parametrize("length", [1, 2, 70])
def test_a_backbone_equals_the_recurrence_in_numpy(length: int) -> None:
    model = random_model(ModelConfig.soft("tiny", promoter=2, generator_layers=3))
    net, x = model.generator, torch.randn(2, length, 8)
    assert net.implementation("cpu") == "cpu-fused"
    with torch.no_grad():
        got = net(x)
    for i in range(2):
        want = numpy_network.backbone(arrays(model), "generator.", x[i].double().numpy())
        np.testing.assert_allclose(got[i], want, rtol=2e-4, atol=2e-5)


@needs_kernel
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 7, 13), (3, 5000, 32), (0, 4, 8)])
@pytest.mark.parametrize("carried", [False, True])
def test_the_last_norm(shape: tuple[int, int, int], carried: bool) -> None:
    torch.manual_seed(0)
    x, weight = 3 * torch.randn(shape), torch.randn(shape[-1])
    residual = torch.randn(shape) if carried else None
    total = (x + residual if residual is not None else x).double()
    truth = total / (total.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight
    torch.testing.assert_close(
        fused.norm(x, residual, weight, 1e-5).double(), truth, rtol=1e-6, atol=1e-6
    )


@needs_kernel
def test_the_same_bits_whatever_the_threads() -> None:
    layer = make_layer(32)
    x, residual = torch.randn(2, 2, 3000, 32)
    lengths = torch.tensor([3000, 1234])
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3, 5, 2):
            torch.set_num_threads(threads)
            results.append(run(layer, x, residual, lengths))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert torch.equal(a, b)


@needs_kernel
def test_a_result_does_not_depend_on_what_ran_before_in_the_same_memory() -> None:
    layer, scratch = make_layer(16), fused.Scratch()
    long, short = torch.randn(2, 700, 16), torch.randn(1, 90, 16)
    with torch.no_grad():
        alone = layer(short, None, None, "auto", fused.Scratch())[0]
        scratch.get("kept", 300_000).fill_(float("nan"))
        scratch.get("chunk", 300_000).fill_(float("nan"))
        layer(long, None, None, "auto", scratch)
        assert torch.equal(layer(short, None, None, "auto", scratch)[0], alone)


@needs_kernel
@pytest.mark.parametrize(("begin", "end"), [(0, 1), (0, 900), (400, 500), (767, 769), (899, 900)])
@pytest.mark.parametrize("carried", [False, True])
def test_some_rows_are_those_of_all(begin: int, end: int, carried: bool) -> None:
    layer, x = make_layer(16), torch.randn(2, 900, 16)
    residual = torch.randn_like(x) if carried else None
    lengths = torch.tensor([900, 450])
    for counted in (None, lengths):
        whole = run(layer, x, residual, counted)
        with torch.no_grad():
            part = layer(x, residual, counted, "auto", fused.Scratch(), slice(begin, end))
        for a, b in zip(whole, part, strict=True):
            assert torch.equal(a[:, begin:end], b[:, begin:end])


@needs_kernel
def test_tensors_in_any_order_of_memory() -> None:
    layer = make_layer(16)
    x, residual = torch.randn(2, 2, 16, 50).transpose(2, 3)
    same = run(layer, x.contiguous(), residual.contiguous())
    for a, b in zip(run(layer, x, residual), same, strict=True):
        assert torch.equal(a, b)


@needs_kernel
@pytest.mark.parametrize("name", ["mixer.in_proj.weight", "mixer.mamba_rev.A_log", "norm.weight"])
@pytest.mark.parametrize("value", [float("nan"), -float("nan")])
def test_what_is_no_number_is_not_hidden(name: str, value: float) -> None:
    layer = make_layer(16)
    with torch.no_grad():
        layer.get_parameter(name)[-1] = value
    out = run(layer, torch.randn(1, 60, 16))[0]
    assert bool(out.isnan().any())


@needs_kernel
@pytest.mark.parametrize("shape", [(0, 5, 8), (2, 0, 8)])
def test_nothing_to_do(shape: tuple[int, int, int]) -> None:
    x = torch.randn(shape)
    out, total = run(make_layer(8), x, x)
    assert out.shape == total.shape == shape


@needs_kernel
def test_wrong_shapes_and_types_are_named() -> None:
    layer, x = make_layer(8), torch.randn(1, 5, 8)
    for lengths in (torch.tensor([5, 5]), torch.tensor([]), torch.tensor([[5]])):
        with pytest.raises(ValueError, match="lengths are"):
            run(layer, x, None, lengths)
    with pytest.raises(ValueError, match="x is"):
        run(layer, x[..., :7])
    with pytest.raises(ValueError, match="residual"):
        run(layer, x, x[:, :4])
    with pytest.raises(TypeError, match=r"torch\.float64"):
        run(layer, x.double())
    layer.mixer.mamba_rev.D = torch.nn.Parameter(torch.ones(15))
    with pytest.raises(ValueError, match=r"D must be \[16\]"):
        run(layer, x)
    with pytest.raises(ValueError, match="5 taps"):
        run(make_layer(8, conv=5), x)


# ---- The choice ----------------------------------------------------------------------------------


def backbone(**kind: int) -> Backbone:
    torch.manual_seed(0)
    values = {"state": 16, "conv": 4} | kind
    return Backbone(8, 2, values["state"], values["conv"], 2, 4)


def fused_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls: list[int] = []
    original = fused.bidirectional_layer

    def count(*args: object) -> object:
        calls.append(1)
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(fused, "bidirectional_layer", count)
    return calls


@needs_kernel
def test_it_runs_in_float32_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x, calls = backbone(), torch.randn(1, 40, 8), fused_calls(monkeypatch)
    with torch.no_grad():
        plain_64 = net.double()(x.double())
        net.float()
        with torch.autocast("cpu", torch.bfloat16):
            net(x)
        net.scan = "cpu"
        assert net.implementation("cpu") == "cpu"
        plain = net(x)
        assert calls == []
        net.scan = "auto"
        ours = net(x)
        assert len(calls) == len(net.layers)
    with torch.inference_mode():
        assert torch.equal(net(x), ours)
    assert error(ours, plain_64) < 5e-6
    assert error(ours, plain.double()) < 1e-5


@needs_kernel
def test_lengths_shut_the_padding_out() -> None:
    net, lengths = backbone(), torch.tensor([40, 25, 0])
    x = torch.randn(3, 40, 8)
    with torch.no_grad():
        together = net(x, lengths)
        for i, n in enumerate(lengths.tolist()[:2]):
            assert torch.equal(together[i, :n], net(x[i : i + 1, :n])[0])
    assert bool(torch.isfinite(together).all())


@needs_kernel
def test_hooks_see_every_layer_and_may_keep_what_they_see() -> None:
    net, x, seen = backbone(), torch.randn(1, 40, 8), []
    hooks = [layer.register_forward_hook(lambda *a: seen.append(a[2])) for layer in net.layers]
    with torch.no_grad():
        net(x)
    for hook in hooks:
        hook.remove()
    residual = None
    h = x
    for layer, (out, total) in zip(net.layers, seen, strict=True):
        with torch.no_grad():
            h, residual = layer(h, residual)
        torch.testing.assert_close(out, h)
        torch.testing.assert_close(total, residual)


@needs_kernel
def test_the_choice_is_logged_once(anew: Path, caplog: pytest.LogCaptureFixture) -> None:
    net = backbone()
    with caplog.at_level(logging.INFO), torch.no_grad():
        for _ in range(3):
            net(torch.randn(1, 10, 8))
    assert [m for m in caplog.messages if "cpu-fused" in m] == ["layers on cpu: cpu-fused"]


def test_without_a_compiler_the_modules_take_over(
    anew: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "")
    net, x = backbone(), torch.randn(1, 40, 8)
    with caplog.at_level(logging.WARNING), torch.no_grad():
        assert net.implementation("cpu") == "torch"
        ours = net(x)
        truth = net.double()(x.double())
    assert error(ours, truth) < 5e-6
    assert len([m for m in caplog.messages if "layer kernel" in m]) == 1


@needs_kernel
def test_a_damaged_kernel_is_built_again(anew: Path) -> None:
    assert fused.available()
    (library,) = (anew / "kernels").glob("layer-*.so")
    whole = library.read_bytes()
    fused.LIBRARY.forget()
    library.unlink()  # the one that is loaded stays as it is
    library.write_bytes(whole[:20_000])
    assert fused.available()
    assert len(library.read_bytes()) == len(whole)


def test_a_compiler_that_cannot_be_read_is_none(
    anew: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", "'g++")
    with caplog.at_level(logging.WARNING):
        assert not fused.available()
    assert "no command" in caplog.text


@needs_kernel
def test_kinds_it_does_not_know_take_the_modules(
    anew: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = fused_calls(monkeypatch)
    for kind in ({"conv": 5}, {"state": 17}):
        with caplog.at_level(logging.WARNING), torch.no_grad():
            net = backbone(**kind)
            for _ in range(2):
                net(torch.randn(1, 10, 8))
            assert net.implementation("cpu") == "cpu"
    assert calls == []
    assert len([m for m in caplog.messages if "no fused layer" in m]) == 2


# ---- Other processors ----------------------------------------------------------------------------


@needs_kernel
@older_processors
def test_narrower_vectors(
    anew: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setenv("CXX", str(compiler_for(target, tmp_path)))
    for width, state, length in ((32, 16, 500), (13, 5, 100), (128, 16, 60)):
        layer = make_layer(width, state)
        x, residual = torch.randn(2, 2, length, width)
        assert_right(layer, x, residual, torch.tensor([length, length // 3]))
    assert fused.LIBRARY.get().lanes == (8 if target == "haswell" else 4)


# ---- Time and memory -----------------------------------------------------------------------------


@needs_kernel
@pytest.mark.long
def test_a_window_of_the_paper_fits_two_gigabytes() -> None:
    program = """
import resource, torch
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp
model = Seq2Exp(ModelConfig.soft()).eval()
one_hot = torch.nn.functional.one_hot(torch.randint(0, 4, (1, 200_000)), 4).float()
with torch.inference_mode():
    out = model(one_hot, torch.rand(1, 200_000, 3), torch.randn(1, 9))
assert bool(torch.isfinite(out.prediction).all())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) * 1024 < 2e9  # the whole process at its largest


@needs_kernel
@pytest.mark.long
def test_seven_percent_kept_cost_near_seven_percent_of_the_predictor() -> None:
    torch.manual_seed(0)
    length = 200_000
    model = Seq2Exp(ModelConfig.hard()).eval()
    codes = torch.randint(0, 4, (1, length))
    given = (
        torch.nn.functional.one_hot(codes, 4).float(),
        torch.rand(1, length, 3),
        torch.randn(1, 9),
    )
    few = (torch.rand(1, length) < 0.06).float()
    few[:, model.promoter(length)] = 1
    assert few.mean().item() == pytest.approx(0.07, abs=0.002)

    def seconds(mask: Tensor) -> float:
        """The processor's time in one thread, which others on the machine hardly change."""
        best = float("inf")
        for _ in range(3):
            begun = time.process_time()
            with torch.inference_mode():
                model.predict(*given, mask)
            best = min(best, time.process_time() - begun)
        return best

    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        whole, part = seconds(torch.ones(1, length)), seconds(few)
    finally:
        torch.set_num_threads(threads)
    print(f"all bases {whole:.2f} s of processor time, 7 % of them {part:.3f} s")
    assert part < 0.09 * whole
