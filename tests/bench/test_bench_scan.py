"""The bench of one scan: who is measured, who is refused, and that its figures belong together."""

import numpy as np
import pytest
import torch

from seq2exp.bench import rates
from seq2exp.bench import scan as bench
from seq2exp.bench.field import OURS
from seq2exp.bench.limits import scan_gradient_bytes
from seq2exp.bench.peers import PEERS
from seq2exp.bench.scan import Options, problem
from seq2exp.model.scan import implementations, resolve, selective_scan

LENGTH = 2_000
needs_kernel = pytest.mark.skipif(
    rates.LIBRARY.reason() is not None, reason="the rates' kernel cannot be built here"
)


def measure(**options):
    settings = {"length": LENGTH, "repeats": 2, "slow_repeats": 1, "peers": False}
    found = bench.sections(Options(**(settings | options)), lambda fraction, text: None)
    return {section.key: {row.name: row for row in section.rows} for section in found}


@pytest.fixture(scope="module")
def compared():
    return measure(parts=("forward", "gradient"))


@needs_kernel
@pytest.mark.parametrize(
    ("part", "bound", "name"), [("forward", "limit", "limit"), ("gradient", "floor", "bandwidth")]
)
def test_ratios_are_those_of_the_medians(compared, part, bound, name):
    rows = compared[part]
    (least,) = [row.values["median"] for key, row in rows.items() if key.startswith(name)]
    ours = np.median(rows[OURS].seconds)
    for row in rows.values():
        if row.seconds:
            median = np.median(row.seconds)
            assert row.values["ratio"] == pytest.approx(median / ours)
            assert row.values[f"{bound}_ratio"] == pytest.approx(median / least)
    others = {key.removesuffix(" scan") for key in rows} & set(implementations())
    assert others == set(implementations()) - {resolve("auto", "cpu")}


@needs_kernel
def test_the_floor_of_the_gradient_is_its_bytes_at_the_measured_bandwidth(compared):
    floor = compared["gradient"]["bandwidth floor"].values["median"]
    bandwidth = scan_gradient_bytes(LENGTH, bench.CHANNELS, bench.STATE) / floor
    assert 1e8 < bandwidth < 1e13
    # Measured twice, and the better of both kept.
    assert bandwidth >= 0.999 * compared["limit"]["bytes"].values["rate"]


def test_a_scan_that_computes_something_else_is_not_timed(monkeypatch):
    called = []

    def reversed_scan(x, dt, A, B, C, D):
        called.append(x.shape[1])
        return selective_scan(x, dt, A, B, C, D, reverse=True)

    monkeypatch.setattr(PEERS["mambapy"].__class__, "missing", lambda self, device: None)
    monkeypatch.setattr(bench, "scans_of_peers", lambda: {"mambapy": reversed_scan})
    rows = measure(parts=("forward",), peers=True)["forward"]
    row = rows[PEERS["mambapy"].title]
    assert row.seconds == () and row.note.startswith("not timed: it differs by")
    assert called == [512]


def test_the_quadratic_gradient_is_left_out():
    if missing := PEERS["transformers"].missing("cpu"):
        pytest.skip(f"transformers is {missing}")
    rows = measure(parts=("gradient",), peers=True)["gradient"]
    row = rows[PEERS["transformers"].title]
    assert row.seconds == () and "quadratic" in row.note


@pytest.mark.parametrize("along", ["length", "batch"])
def test_growth(along):
    found = measure(parts=(along,), lengths=(2_000, 6_000), batches=(1, 3))[along]
    first, second = found.values()
    assert second.values[along] == 3 * first.values[along]
    assert second.values["growth"] == pytest.approx(
        second.values["median"] / first.values["median"] / 3
    )


def test_a_problem_is_a_scan_that_forgets_and_remembers():
    x, dt, A, *_ = tensors = problem(64, 2, "cpu", gradient=True)
    assert x.shape == dt.shape == (2, 64, bench.CHANNELS) and (dt > 0).all()
    assert all(tensor.requires_grad and tensor.is_leaf for tensor in tensors)
    decays = torch.exp(dt.max() * A.min()), torch.exp(dt.min() * A.max())
    assert decays[0] < 0.2 and decays[1] > 0.99
