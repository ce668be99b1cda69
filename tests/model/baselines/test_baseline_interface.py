"""What holds for every baseline: its size, what it reads, that each example stands alone."""

import importlib.util

import pytest
import torch
from baseline_layout import random_baseline, window

from seq2exp.errors import InputError
from seq2exp.model.baselines import BASELINES, build
from seq2exp.model.baselines.head import character_ids

needs_enformer = pytest.mark.skipif(
    importlib.util.find_spec("enformer_pytorch") is None, reason="enformer-pytorch is not installed"
)
every = pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=needs_enformer if n == "enformer" else ()) for n in BASELINES],
)
LENGTH = 2_560


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "parameters", "head"),
    [
        ("mamba", 502_401, 34_305),
        ("caduceus", 574_209, 34_305),
        ("caduceus-signals", 574_593, 34_305),
        ("epinformer", 447_341, 26_113),
        ("macs3", 574_721, 34_305),
    ],
)
def test_parameter_counts_of_the_paper(name, parameters, head):
    model = build(name)
    assert count(model) == parameters
    assert count(model.pToExpr) == head
    assert {n for n in model.state_dict() if n.startswith("pToExpr")} == {
        f"pToExpr.{i}.{part}" for i in (0, 2, 4) for part in ("weight", "bias")
    }


@every
@pytest.mark.parametrize("size", ["demo", "tiny"])
def test_smaller_sizes_predict_one_number(name, size):
    torch.manual_seed(0)
    model = build(name, size, LENGTH).eval()
    with torch.no_grad():
        found = model(*window(1, LENGTH))
    assert found.shape == (1, 1) and found.dtype == torch.float32 and found.isfinite().all()


@every
def test_gradients_reach_every_parameter_and_only_what_is_read(name):
    # In evaluation: a batch norm in training takes off the bias before it.
    model = random_baseline(name, window=LENGTH)
    one_hot, signals, features, peaks = window(2, LENGTH)
    signals.requires_grad_()
    model(one_hot, signals, features, peaks).sum().backward()
    unreached = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert unreached == []
    if BASELINES[name].signals:
        assert signals.grad.any() and signals.grad.isfinite().all()
    else:
        assert signals.grad is None or not signals.grad.any()


@every
def test_gradients_are_finite_in_training(name):
    torch.manual_seed(0)
    model = build(name, "tiny", LENGTH).train()
    model(*window(2, LENGTH)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@every
def test_mixed_precision_stays_near(name):
    model = random_baseline(name, window=LENGTH)
    inputs = window(2, LENGTH)
    with torch.no_grad():
        exact = model(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = model(*inputs)
    assert found.dtype == torch.float32
    assert (found - exact).abs().max() < 0.05 * max(1, exact.abs().max().item())
    found.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@every
def test_each_example_stands_alone(name):
    model = random_baseline(name, window=LENGTH)
    inputs = window(3, LENGTH)
    with torch.no_grad():
        together = model(*inputs)
        alone = torch.cat([model(*(x[i : i + 1] for x in inputs)) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert together.std() > 1e-3


@every
def test_peaks_are_asked_for_where_they_are_read(name):
    model = random_baseline(name, window=LENGTH)
    one_hot, signals, features, peaks = window(1, LENGTH)
    assert model.needs_peaks == BASELINES[name].peaks
    with torch.no_grad():
        if BASELINES[name].peaks:
            with pytest.raises(InputError, match=f"{name} reads the peak track"):
                model(one_hot, signals, features)
            assert not torch.equal(
                model(one_hot, signals, features, peaks),
                model(one_hot, signals, features, torch.zeros_like(peaks)),
            )
        else:
            assert torch.equal(
                model(one_hot, signals, features, peaks), model(one_hot, signals, features)
            )


@every
def test_a_window_of_unknown_bases_without_signals(name):
    model = random_baseline(name, window=LENGTH)
    with torch.no_grad():
        found = model(
            *(torch.zeros(1, LENGTH, 4), torch.zeros(1, LENGTH, 3), torch.zeros(1, 9)),
            torch.zeros(1, LENGTH, dtype=torch.bool),
        )
    assert found.isfinite().all()


@every
def test_windows_that_do_not_fit(name):
    model = random_baseline(name, window=LENGTH)
    for length in (2_001, 1_998):
        with pytest.raises(InputError, match=f"{length:,} bp does not fit"):
            model(*window(1, length))
    one_hot, signals, features, peaks = window(1, LENGTH)
    with pytest.raises(ValueError, match="signals"):
        model(one_hot, signals[:, :-2], features, peaks)


def test_peaks_of_another_length_are_refused():
    model = random_baseline("macs3", window=LENGTH)
    one_hot, signals, features, peaks = window(1, LENGTH)
    with pytest.raises(ValueError, match="peaks"):
        model(one_hot, signals, features, peaks[:, :-2])


@pytest.mark.parametrize("name", ["mamba", "caduceus", "macs3"])
def test_the_scan_can_be_named(name):
    model = random_baseline(name, window=LENGTH)
    inputs = window(1, LENGTH)
    with torch.no_grad():
        found = model(*inputs)
        model.use_scan("torch")
        assert {m.scan for m in model.modules() if hasattr(m, "scan")} == {"torch"}
        torch.testing.assert_close(model(*inputs), found, rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="nothing"):
        model.use_scan("nothing")


@pytest.mark.parametrize("name", ["mamba", "hyenadna"])
def test_what_follows_the_promoter_is_not_read_and_would_not_matter(name):
    model = random_baseline(name, layers=2, window=60, promoter=8)
    one_hot, signals, features, _ = window(1, 60)
    with torch.no_grad():
        found = model(one_hot, signals, features)
        whole = model.model(character_ids(one_hot))[:, 26:34].mean(1)
        torch.testing.assert_close(model.embed(one_hot, signals, None), whole)
        for base, matters in ((0, True), (33, True), (34, False), (59, False)):
            other = one_hot.clone()
            other[0, base] = torch.eye(4)[0 if one_hot[0, base, 1] else 1]
            assert torch.equal(model(other, signals, features), found) != matters


def test_ids_of_the_characters():
    one_hot = torch.cat([torch.eye(4), torch.zeros(1, 4)]).unsqueeze(0)
    assert character_ids(one_hot).tolist() == [[7, 8, 9, 10, 11]]
