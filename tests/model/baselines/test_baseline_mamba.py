"""The baselines of Mamba layers against the float64 numpy recurrence: either way, and both ways."""

import math

import numpy as np
import numpy_network
import pytest
import torch
from baseline_layout import arrays, random_baseline, reached, released_state, window

from seq2exp.model.baselines import build, head
from seq2exp.model.baselines.head import character_ids

SMALL = {"window": 60, "promoter": 8}
PROMOTER = slice(26, 34)

_ONE_DIRECTION = ["A_log", "D", "conv1d.weight", "conv1d.bias", "x_proj.weight"]
_ONE_DIRECTION += ["dt_proj.weight", "dt_proj.bias", "in_proj.weight", "out_proj.weight"]
HEAD = {f"pToExpr.{i}.{part}" for i in (0, 2, 4) for part in ("weight", "bias")}


def released_backbone(name: str) -> set[str]:
    return {
        f"{name}.backbone.layers.{i}.{inner}"
        for i in range(4)
        for inner in [
            "norm.weight",
            *(f"mixer.mamba_{q}.{part}" for q in ("fwd", "rev") for part in _ONE_DIRECTION),
        ]
    } | {f"{name}.backbone.norm_f.weight"}


# ---- both ways: Caduceus, and the predictor under peaks ------------------------------------------


@pytest.mark.parametrize(("name", "given"), [("caduceus", 4), ("caduceus-signals", 7)])
def test_caduceus_equals_numpy(name, given):
    model = random_baseline(name, layers=2, **SMALL)
    one_hot, signals, features, _ = window(2, 60)
    p = arrays(released_state(model, "caduceus"))
    with torch.no_grad():
        found = model(one_hot, signals, features)
    for i in range(2):
        x = np.concatenate([one_hot[i].double().numpy(), signals[i].double().numpy()], 1)[:, :given]
        hidden = numpy_network.backbone(p, "caduceus.", numpy_network.linear(p, "input_layer", x))
        want = numpy_network.head(p, hidden[PROMOTER].mean(0), features[i].double().numpy())
        np.testing.assert_allclose(found[i], want, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(("name", "given"), [("caduceus", 4), ("caduceus-signals", 7)])
def test_caduceus_has_the_released_tensors(name, given):
    model = build(name)
    state = released_state(model, "caduceus")
    assert len(state) == 85
    assert set(state) == released_backbone("caduceus") | HEAD | {
        "input_layer.weight",
        "input_layer.bias",
    }
    assert state["input_layer.weight"].shape == (128, given)


def test_the_mask_of_peaks_equals_numpy():
    model = random_baseline("macs3", layers=2, **SMALL)
    one_hot, signals, features, _ = window(2, 60)
    peaks = torch.rand(2, 60, generator=torch.Generator().manual_seed(1)) < 0.5
    p = arrays(released_state(model, "encoder"))
    with torch.no_grad():
        found = model(one_hot, signals, features, peaks)
    for i in range(2):
        given = (x[i].double().numpy() for x in (one_hot, signals, features, peaks))
        want = numpy_network.predict_soft(p, *given, PROMOTER)
        np.testing.assert_allclose(found[i], want, rtol=2e-4, atol=2e-5)


def test_the_mask_of_peaks_opens_no_promoter():
    model = random_baseline("macs3", **SMALL)
    one_hot, signals, features, peaks = window(1, 60)
    peaks[:, 20:40] = False
    other = one_hot.clone()
    other[:, 20:40] = one_hot[:, 20:40].roll(1, -1)
    with torch.no_grad():
        assert torch.equal(
            model(one_hot, signals, features, peaks), model(other, signals, features, peaks)
        )


def test_the_mask_of_peaks_has_the_released_tensors():
    state = released_state(build("macs3"), "encoder")
    assert len(state) == 87
    embedding = {f"{s}_input_layer.{p}" for s in ("seq", "signal") for p in ("weight", "bias")}
    assert set(state) == released_backbone("encoder") | HEAD | embedding


@pytest.mark.parametrize(
    ("name", "network", "bound"),
    [
        ("caduceus", "caduceus", 1 / 32),
        ("caduceus-signals", "caduceus", 1 / 32),
        ("macs3", "encoder", 1 / 128),
    ],
)
def test_starting_values(name, network, bound):
    torch.manual_seed(0)
    model = build(name)
    for layer in getattr(model, network).layers:
        assert layer.mixer.out_proj.weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
    biases = {n: p for n, p in model.named_parameters() if n.endswith("bias")}
    zero = {n for n, p in biases.items() if not p.any()}
    # those of the convolutions and of the step sizes alone are not
    assert zero == {n for n in biases if "conv1d" not in n and "dt_proj" not in n}


# ---- one way -------------------------------------------------------------------------------------


def test_unidirectional_equals_numpy():
    model = random_baseline("mamba", layers=3, **SMALL)
    one_hot, signals, features, _ = window(2, 60)
    p = arrays(model.state_dict())
    with torch.no_grad():
        found = model(one_hot, signals, features)
    for i in range(2):
        ids = np.where(one_hot[i].sum(1) > 0, 7 + one_hot[i].argmax(1), 11)
        x, residual = p["model.embedding.weight"][ids], 0
        for n in range(3):
            layer = f"model.layers.{n}."
            residual = residual + x
            h = numpy_network.rms_norm(residual, p[f"{layer}norm.weight"])
            x = numpy_network.mamba(p, f"{layer}mixer.", h)
        hidden = numpy_network.rms_norm(x + residual, p["model.norm_f.weight"])
        want = numpy_network.head(p, hidden[PROMOTER].mean(0), features[i].double().numpy())
        np.testing.assert_allclose(found[i], want, rtol=2e-4, atol=2e-5)


def test_unidirectional_has_the_released_tensors():
    state = build("mamba").state_dict()
    layers = {
        f"model.layers.{i}.{inner}"
        for i in range(4)
        for inner in ("norm.weight", *(f"mixer.{part}" for part in _ONE_DIRECTION))
    }
    assert set(state) == layers | HEAD | {"model.embedding.weight", "model.norm_f.weight"}
    assert len(state) == 48
    assert state["model.embedding.weight"].shape == (12, 128)
    assert state["model.layers.0.mixer.in_proj.weight"].shape == (512, 128)


def test_nothing_after_a_base_reaches_it():
    stack = random_baseline("mamba", layers=2, **SMALL).model
    x = stack.embedding(character_ids(window(1, 20)[0]))
    layer = stack.layers[0]
    assert reached(lambda given: layer(given, None, "auto")[0][0, 10], x) == list(range(11))


def test_unidirectional_starting_values():
    torch.manual_seed(0)
    model = build("mamba")
    for layer in model.model.layers:
        bound = 1 / 16 / math.sqrt(4)
        assert layer.mixer.out_proj.weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
        assert layer.mixer.in_proj.weight.abs().max().item() == pytest.approx(128**-0.5, rel=1e-3)
    assert model.model.embedding.weight.std().item() == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("name", ["mamba", "hyenadna"])
def test_layers_that_run_again_give_the_same_gradient(name, monkeypatch):
    model = random_baseline(name, layers=2, window=200, promoter=20)
    one_hot, signals, features, _ = window(2, 200)
    found = []
    for limit in (1e9, 0):
        monkeypatch.setattr(head, "_RECOMPUTE_BYTES", limit)
        model.zero_grad()
        model(one_hot, signals, features).sum().backward()
        found.append({n: p.grad.clone() for n, p in model.named_parameters()})
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient)
