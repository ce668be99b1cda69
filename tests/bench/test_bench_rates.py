"""The rates' kernel does what it counts; the limit counts what the network does."""

import math

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from seq2exp.bench import rates
from seq2exp.bench.limits import (
    Limits,
    Work,
    layer_work,
    limit,
    model_work,
    network_work,
    scan_gradient_bytes,
    scan_work,
)
from seq2exp.bench.peers import backbones, with_scan
from seq2exp.bench.rates import Rates, best_of, measure_rates
from seq2exp.model.config import ModelConfig
from seq2exp.model.scan import selective_scan
from seq2exp.model.seq2exp import Seq2Exp

needs_kernel = pytest.mark.skipif(
    rates.LIBRARY.reason() is not None, reason="the rates' kernel cannot be built here"
)
LENGTH = 2_000


# ---- The kernel ----------------------------------------------------------------------------------


def run(name, threads, bursts):
    kernel = rates.LIBRARY.get()
    out = np.zeros((threads, kernel.lanes), np.float32)
    count = getattr(kernel.library, f"seq2exp_rates_{name}")(threads, bursts, out.ctypes.data)
    return count, out, kernel


def sums(chains, steps):
    """Chains s = 0.999 s + 0.001 from 1, 2, … on, added up."""
    return sum(1 + k * 0.999**steps for k in range(chains))


def powers(chains=16, steps=64):
    """Chains p = 2^p - 1 from -1, -1/2, -1/3, … on, added up."""
    total = 0.0
    for k in range(chains):
        p = -1 / (1 + k)
        for _ in range(steps):
            p = math.expm1(p * math.log(2))
        total += p
    return total


@needs_kernel
@pytest.mark.parametrize("threads", [1, 2])
def test_multiply_adds_are_done_and_counted(threads):
    count, out, kernel = run("multiply_adds", threads, 3)
    assert count == threads * 3 * 64 * 12 * kernel.lanes
    # The kernel adds up its lanes, all alike, into each thread's first number.
    assert out[:, 0] == pytest.approx(kernel.lanes * sums(12, 3 * 64), rel=1e-4)


@needs_kernel
@pytest.mark.parametrize(("name", "beside"), [("exponentials", 0), ("both", 16)])
def test_exponentials_are_done_and_counted(name, beside):
    count, out, kernel = run(name, 2, 3)
    assert count == 2 * 3 * 64 * 16 * kernel.lanes
    # Eight chains of multiply-adds take two steps for each of a burst's exponentials.
    expected = 3 * powers() + sums(8, 3 * 64 * 16 * beside // 8)
    assert out[:, 0] == pytest.approx(kernel.lanes * expected, rel=1e-4)


@needs_kernel
def test_copying_copies_everything():
    source = np.random.default_rng(1).integers(0, 256, 10_007, np.uint8)
    target = np.zeros_like(source)
    library = rates.LIBRARY.get().library
    moved = library.seq2exp_rates_copy(3, source.size, source.ctypes.data, target.ctypes.data)
    assert moved == 2 * source.size
    assert np.array_equal(source, target)


@needs_kernel
def test_rates_are_of_so_many_threads():
    found = measure_rates(threads=1, repeats=1)
    assert found.threads == 1
    assert min(found.multiply_adds, found.exponentials, found.bandwidth, found.both) > 0
    # A multiply-add is part of an exponential, and of the both.
    assert found.multiply_adds > found.both and found.per_power == 16


def test_the_better_of_two_measurements():
    first, second = Rates(2, 10.0, 5.0, 3.0, 1.0, 16), Rates(2, 8.0, 6.0, 4.0, 0.5, 16)
    assert best_of(first, second) == Rates(2, 10.0, 6.0, 4.0, 1.0, 16)


def test_together_is_one_where_the_same_units_are_waited_for():
    assert Rates(1, 16.0, 1.0, 1.0, 0.5, 16).together == pytest.approx(1)


# ---- The counts ----------------------------------------------------------------------------------


class Elementwise(TorchDispatchMode):
    """Counts the elements that some functions are taken of."""

    def __init__(self):
        super().__init__()
        self.silu = self.softplus = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        name = function.overloadpacket.__name__
        if name in ("silu", "softplus"):
            setattr(self, name, getattr(self, name) + out.numel())
        return out


def config(size):
    return ModelConfig.soft(size, generator_layers=2, predictor_layers=3, window=LENGTH)


@pytest.mark.parametrize("size", ["tiny", "demo"])
def test_multiply_adds_are_those_of_a_run(size):
    """What torch counts of products and convolutions, and the scans by their definition."""
    settings = config(size)
    model = with_scan(Seq2Exp(settings).eval(), "torch")
    inner, state, layers = 2 * settings.width, settings.state, 5
    shapes = [(1, LENGTH, inner)] * 2 + [(inner, state)] + [(1, LENGTH, state)] * 2 + [(inner,)]
    with torch.no_grad():
        with FlopCounterMode(display=False) as run:
            model(torch.zeros(1, LENGTH, 4), torch.zeros(1, LENGTH, 3), torch.zeros(1, 9))
        with FlopCounterMode(display=False) as scan:
            selective_scan(*map(torch.zeros, shapes), implementation="torch")
    products = (run.get_total_flops() - 2 * layers * scan.get_total_flops()) / 2
    head = sum(m.weight.numel() for m in model.pToExpr if isinstance(m, torch.nn.Linear))
    beyond = 2 * layers * inner * 4 * 3  # convolution outputs over the window's end
    biases = LENGTH * settings.width  # the predictor's embedding has them as an input of 1
    scans = 0
    for backbone in backbones(model):
        for layer in backbone.layers:
            for mamba in (layer.mixer.mamba_fwd, layer.mixer.mamba_rev):
                scans += LENGTH * (4 * mamba.A_log.numel() + 2 * mamba.D.numel())
    assert model_work(settings, LENGTH).multiply_adds == products - head - beyond - biases + scans


@pytest.mark.parametrize("size", ["tiny", "demo"])
def test_exponentials_are_those_of_a_run(size):
    settings = config(size)
    model = with_scan(Seq2Exp(settings).eval(), "torch")
    with torch.no_grad(), Elementwise() as seen:
        model(torch.zeros(1, LENGTH, 4), torch.zeros(1, LENGTH, 3), torch.zeros(1, 9))
    decays = sum(p.numel() for name, p in model.named_parameters() if name.endswith("A_log"))
    steps = seen.softplus - 2 * LENGTH  # the mask's logits are not a layer's
    expected = LENGTH * decays + seen.silu + 2 * steps
    assert model_work(settings, LENGTH).exponentials == expected


def test_bytes_are_those_of_the_layers_inputs_and_outputs():
    settings = ModelConfig.soft("paper")
    x = torch.zeros(1, 1, settings.width)
    assert layer_work(settings, residual=False).moved == 2 * x.nbytes  # x, output
    assert layer_work(settings).moved == 4 * x.nbytes  # x, residual, their sum, output
    # Three layers, the inputs before and the two inputs of the norm after.
    assert network_work(settings, 3, 7).moved == (2 + 4 + 4 + 2) * x.nbytes + 7 * 4


def test_scan_bytes_are_those_of_its_arrays():
    x, b = torch.zeros(2, 100, 256), torch.zeros(2, 100, 16)
    assert scan_work(100, 256, 16, batch=2).moved == 3 * x.nbytes + 2 * b.nbytes
    values, gradients = 3 * x.nbytes + 2 * b.nbytes, 2 * x.nbytes + 2 * b.nbytes
    read_again = 2 * x.nbytes + 2 * b.nbytes + x.nbytes  # x, dt, B, C; y's gradient
    assert scan_gradient_bytes(100, 256, 16, batch=2) == values + gradients + read_again


def test_paper_layer_by_hand():
    work = layer_work(ModelConfig.soft("paper"))
    projections = 128 * 512 + 256 * 128
    direction = 4 * 256 + 256 * 40 + 8 * 256 + 4 * 256 * 16 + 2 * 256
    assert work.multiply_adds == projections + 2 * direction
    assert work.exponentials == 2 * (4096 + 256 + 512) + 256


def test_a_hard_mask_saves_the_predictor_what_it_drops():
    settings = ModelConfig.hard("paper")
    all_kept, some = model_work(settings, 200_000), model_work(settings, 200_000, 14_000)
    generator = model_work(settings, 200_000, 0)
    assert some.multiply_adds - generator.multiply_adds == pytest.approx(
        0.07 * (all_kept.multiply_adds - generator.multiply_adds)
    )
    # Both passes run the same four layers; the generator has the mask's logits, too.
    assert 2 * generator.multiply_adds - all_kept.multiply_adds == 200_000 * 2 * 128


# ---- The limit -----------------------------------------------------------------------------------


def test_the_limit_is_the_vector_units_or_memory():
    machine = Rates(2, 10.0, 5.0, 100.0, 1.0, 16)
    found = limit(Work(20, 5, 50), machine)
    assert (found.multiply_adds, found.exponentials, found.memory) == (2, 1, 0.5)
    assert found.seconds == 3
    assert limit(Work(20, 5, 500), machine).seconds == 5


@needs_kernel
def test_limits_keep_the_best_and_print_their_sum():
    limits = Limits("cpu")
    assert limits.seconds(Work(1, 1, 1)) is None
    limits.measure(repeats=1)
    first = limits.rates
    limits.rates = Rates(*[1e-9 if isinstance(x, float) else x for x in vars(first).values()])
    limits.measure(repeats=1)
    assert limits.rates.multiply_adds > 1e6
    work = Work(1e9, 1e8, 1e6)
    section = limits.section(work, "title", "counted")
    values = {row.name: row.values for row in section.rows}
    for name, count in (("multiply-adds", 1e9), ("exponentials", 1e8), ("bytes", 1e6)):
        assert values[name]["count"] == count
        assert values[name]["least"] == pytest.approx(count / values[name]["rate"])
    assert values["limit"]["least"] == pytest.approx(
        max(
            values["multiply-adds"]["least"] + values["exponentials"]["least"],
            values["bytes"]["least"],
        )
    )
    assert section.notes[0] == "counted"


def test_without_a_compiler_there_is_no_limit_and_it_says_so(monkeypatch, caplog):
    monkeypatch.setenv("CXX", "no-such-compiler")
    rates.LIBRARY.forget()
    try:
        limits = Limits("cpu")
        limits.measure()
        assert limits.seconds(Work(1, 1, 1)) is None
        section = limits.section(Work(1, 1, 1), "title", "counted")
        assert section.rows == [] and "no-such-compiler" in section.notes[-1]
        assert "no-such-compiler" in caplog.text
    finally:
        rates.LIBRARY.forget()


def test_of_a_gpu_only_memory_counts():
    limits = Limits("cuda")
    limits.bandwidth = 2e9
    assert limits.seconds(Work(1e30, 1e30, 4e9)) == 2
    section = limits.section(Work(1e30, 1e30, 4e9), "title", "counted")
    assert [row.values["least"] for row in section.rows] == [2, 2]
    assert section.notes == ["counted", "Limit: memory alone."]
