"""HyenaDNA against a float64 numpy network with direct sums, its count and starting values."""

import math

import numpy as np
import numpy_network
import pytest
import torch
from baseline_layout import arrays, random_baseline, window
from scipy import special

from seq2exp.errors import InputError
from seq2exp.model.baselines import build
from seq2exp.model.baselines.hyena import FILTER_SETTINGS, Filter, Mlp, long_convolution

SMALL = {"window": 60, "promoter": 8}


def direct_sum(u, kernel):
    """[d, L], [d, L] → [d, L]."""
    y = np.zeros_like(u)
    for t in range(u.shape[1]):
        for s in range(t + 1):
            y[:, t] += kernel[:, t - s] * u[:, s]
    return y


def filter_values(p, name: str, window: int, positions):
    """[d, positions], for a network made for windows of `window`."""
    total = window + 2
    i = np.asarray(positions)[:, None]
    time = i / (total - 1)
    wave = np.exp(-1j * np.array([1e-4, 1]) * 2 * np.pi * i / total)
    x = np.concatenate([time, wave.real, wave.imag], 1)
    for n in range(3):
        x = np.sin(p[f"{name}freq"] * numpy_network.linear(p, f"{name}hidden.{n}", x))
    x = x @ p[f"{name}out.weight"].T
    slow, fast = math.log(0.01) / 1.5, math.log(0.01) / 0.3
    delta = np.linspace(slow, fast, x.shape[1])
    return (x * np.exp(-time * np.abs(delta))).T


def layer_norm(p, name: str, x):
    x = x - x.mean(-1, keepdims=True)
    return (
        x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]
    )


def gelu(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def hyena(p, name: str, x, window: int):
    """One operator, [L, d] → [L, d]."""
    x = numpy_network.linear(p, f"{name}in_proj", x)
    taps = p[f"{name}short_filter.weight"][:, 0]
    padded = np.concatenate([np.zeros((2, x.shape[1])), x])
    x = sum(taps[:, k] * padded[k : k + len(x)] for k in range(3))
    x0, x1, v = np.split(x + p[f"{name}short_filter.bias"], 3, axis=1)
    v = x1 * v
    kernel = filter_values(p, f"{name}filter.", window, range(len(v)))
    v = direct_sum(v.T, kernel).T + p[f"{name}bias"] * v
    return numpy_network.linear(p, f"{name}out_proj", x0 * v)


def network(p, ids, features, layers: int, window: int, promoter: slice):
    x, residual = p["model.embedding.weight"][ids], 0
    for n in range(layers):
        layer = f"model.layers.{n}."
        residual = x + residual
        h = layer_norm(p, f"{layer}norm1", residual)
        x = hyena(p, f"{layer}mixer.", h, window)
        residual = x + residual
        h = layer_norm(p, f"{layer}norm2", residual)
        h = gelu(numpy_network.linear(p, f"{layer}mlp.fc1", h))
        x = numpy_network.linear(p, f"{layer}mlp.fc2", h)
    hidden = layer_norm(p, "model.ln_f", x + residual)
    return numpy_network.head(p, hidden[promoter].mean(0), features)


@pytest.mark.parametrize("length", [60, 40])
def test_equals_numpy(length):
    model = random_baseline("hyenadna", layers=2, **SMALL)
    one_hot, signals, features, _ = window(2, length)
    with torch.no_grad():
        found = model(one_hot, signals, features)
    p = arrays(model.state_dict())
    middle = slice(length // 2 - 4, length // 2 + 4)
    for i in range(2):
        ids = np.where(one_hot[i].sum(1) > 0, 7 + one_hot[i].argmax(1), 11)
        want = network(p, ids, features[i].double().numpy(), 2, 60, middle)
        np.testing.assert_allclose(found[i], want, rtol=2e-4, atol=2e-5)


def test_the_gelu_has_its_tanh_form():
    mlp = Mlp(1).double()
    with torch.no_grad():
        for layer in (mlp.fc1, mlp.fc2):
            layer.weight.fill_(0.25 if layer is mlp.fc2 else 1)
            layer.bias.zero_()
        x = torch.linspace(-4, 4, 101, dtype=torch.float64)
        found = mlp(x[:, None])[:, 0]
    np.testing.assert_allclose(found, gelu(x.numpy()), rtol=0, atol=1e-12)
    exact = x.numpy() * special.ndtr(x.numpy())
    assert 1e-4 < np.abs(exact - found.numpy()).max() < 1e-3


@pytest.mark.parametrize("length", [1, 2, 7, 64])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_transform_is_the_direct_sum(length, dtype, error):
    rng = np.random.default_rng(length)
    u, kernel = rng.normal(size=(2, 3, length)), rng.normal(size=(3, length))
    found = long_convolution(torch.tensor(u, dtype=dtype), torch.tensor(kernel, dtype=dtype))
    assert found.dtype == dtype
    want = np.stack([direct_sum(one, kernel) for one in u])
    np.testing.assert_allclose(found, want, rtol=0, atol=error * max(1, np.abs(want).max()))


def test_the_published_filter():
    """At the paper's window, where the features' scale is smallest."""
    torch.manual_seed(0)
    made = Filter(128, 200_002)
    with torch.no_grad():
        found = made(200_000)
    p = {n: v.detach().double().numpy() for n, v in made.named_parameters()}
    some = [*range(5), *range(5, 199_999, 997), 199_999]
    want = filter_values(p, "", 200_000, some)
    np.testing.assert_allclose(found[:, some], want, rtol=0, atol=1e-4 * np.abs(want).max())


@pytest.mark.parametrize(("size", "d", "layers"), [("paper", 128, 4), ("tiny", 8, 1)])
def test_parameter_count(size, d, layers):
    model = build("hyenadna", size, 4_096)
    in_proj, out_proj, short = 3 * d * (d + 1), d * (d + 1), 3 * d * (3 + 1)
    implicit = (5 + 1) * 64 + 2 * (64 + 1) * 64 + 64 * d + 64  # three Linear, the last, the sines
    mlp = 4 * d * (d + 1) + d * (4 * d + 1)
    block = in_proj + short + implicit + d + out_proj + mlp + 2 * 2 * d
    head = (d + 9 + 1) * d + (d + 1) * d + d + 1
    want = 12 * d + layers * block + 2 * d + head
    assert sum(p.numel() for p in model.parameters()) == want
    assert size == "tiny" or want == 903_681


def test_nothing_after_a_base_reaches_it():
    block = random_baseline("hyenadna", **SMALL).double().model.layers[0]
    x = torch.randn(1, 20, 8, dtype=torch.float64, requires_grad=True)
    out, _ = block(x, torch.zeros_like(x))
    (grad,) = torch.autograd.grad(out[0, 10].sum(), x)
    # the transform spreads rounding errors over all positions
    assert grad[0, 11:].abs().max() < 1e-12 * grad[0, :11].abs().max()
    assert (grad[0, :11].abs().amax(1) > 1e-6).all()


def test_a_longer_window_than_its_filters_does_not_fit():
    model = random_baseline("hyenadna", **SMALL)
    with pytest.raises(InputError, match="62 bp does not fit this hyenadna"):
        model(*window(1, 62)[:3])


def test_filters_have_settings_of_their_own():
    model = build("hyenadna", "tiny", 4_096)
    settings = model.optimiser_settings()
    parameters = dict(model.named_parameters())
    inside = [*(f"hidden.{i}.{p}" for i in range(3) for p in ("weight", "bias"))]
    inside += ["freq", "out.weight"]
    assert set(settings) == {f"model.layers.0.mixer.filter.{name}" for name in inside}
    assert set(settings) <= set(parameters)
    assert all(value == {"lr": 5e-4, "weight_decay": 0.0} for value in settings.values())
    settings["model.layers.0.mixer.filter.freq"]["lr"] = 1
    assert FILTER_SETTINGS["lr"] == 5e-4
    assert build("mamba", "tiny", 4_096).optimiser_settings() == {}


def test_positions_and_decays_are_fixed():
    model = build("hyenadna", "tiny", 4_096)
    fixed = {n.rpartition(".")[2] for n, _ in model.named_buffers()}
    assert fixed == {"time", "seen", "delta"}
    assert not fixed & {n.rpartition(".")[2] for n in model.state_dict()}


def test_starting_values():
    torch.manual_seed(0)
    stack = build("hyenadna", window=4_096).model
    for layer in stack.layers:
        for module, std in (
            (layer.mixer.in_proj, 0.02),
            (layer.mixer.out_proj, 0.02 / math.sqrt(8)),
            (layer.mlp.fc1, 0.02),
            (layer.mlp.fc2, 0.02 / math.sqrt(8)),
            (layer.mixer.filter.hidden[1], 0.02),
            (layer.mixer.filter.out, 0.02),
        ):
            assert module.weight.std().item() == pytest.approx(std, rel=0.05)
            assert module.bias is None or not module.bias.any()
        assert bool((layer.mixer.filter.freq == 10).all())
    assert stack.embedding.weight.std().item() == pytest.approx(0.02, rel=0.1)


def test_dropout_stands_before_the_first_block_alone():
    model = random_baseline("hyenadna", **SMALL).train()
    inputs = window(1, 60)[:3]
    drops = [m for m in model.modules() if isinstance(m, torch.nn.Dropout)]
    assert [m.p for m in drops] == [0.1]
    torch.manual_seed(0)
    first, second = model(*inputs), model(*inputs)
    assert not torch.equal(first, second)
    drops[0].p = 0
    assert torch.equal(model(*inputs), model(*inputs))
