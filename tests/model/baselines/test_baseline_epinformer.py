"""EPInformer: its elements against a plain loop, its attention against torch's, who sees whom."""

import numpy as np
import pytest
import torch
from baseline_layout import random_baseline, window
from torch.nn import functional

from seq2exp.model.baselines import build
from seq2exp.model.baselines.epinformer import (
    AttentionLayer,
    SequenceEncoder,
    candidate_elements,
    star_mask,
)


def elements_of_one(one_hot, signals, peaks, promoter=2_000, nearest=60):
    """[L, 4], [L, 3], [L] → [1 + nearest, 2000, 4], [1 + nearest, 3], base by base."""
    length = len(peaks)
    tss = length // 2
    found, at = [], 0
    while at < length:
        if not peaks[at]:
            at += 1
            continue
        start = at
        while at < length and peaks[at]:
            at += 1
        centre = (start + at) // 2
        if abs(centre - tss) > promoter // 2:
            found.append((abs(centre - tss), start, at, centre))
    found.sort(key=lambda one: one[:2])
    sequence = np.zeros((1 + nearest, 2_000, 4))
    extra = np.zeros((1 + nearest, 3))
    for row, centre in enumerate([tss] + [one[3] for one in found[:nearest]]):
        for i in range(2_000):
            if 0 <= centre - 1_000 + i < length:
                sequence[row, i] = one_hot[centre - 1_000 + i]
    for row, (distance, start, end, centre) in enumerate(found[:nearest], 1):
        inside = signals[max(start, centre - 1_000) : min(end, centre + 1_000)]
        activity = np.sqrt(inside[:, 0].mean() * inside[:, 1].mean())
        extra[row] = distance / 1_000, signals[centre, 2], activity
    return sequence, extra


def random_peaks(batch: int, length: int, seed: int):
    """Peaks of 1 to 3,000 bases, some at the window's ends."""
    rng = np.random.default_rng(seed)
    peaks = np.zeros((batch, length), dtype=bool)
    for row in peaks:
        for _ in range(rng.integers(1, 40)):
            start = rng.integers(-500, length)
            row[max(0, start) : start + rng.integers(1, rng.choice([10, 400, 3_000]))] = True
    return torch.from_numpy(peaks)


def network(p, sequence, extra, features, layers: int, heads: int):
    """One example in float64, an element at a time: [E, 2000, 4], [E, 3], [9] → [1]."""

    def conv(x, name, dilation=1):
        weight = p[f"{name}.weight"][:, :, 0]  # [out, in, taps]
        return functional.conv1d(x[None], weight, p[f"{name}.bias"], dilation=dilation)[0]

    def norm(x, name):  # of a batch norm in evaluation
        mean, var = p[f"{name}.running_mean"], p[f"{name}.running_var"]
        x = (x - mean[:, None]) / (var + 1e-5).sqrt()[:, None]
        return x * p[f"{name}.weight"][:, None] + p[f"{name}.bias"][:, None]

    def linear(x, name):
        return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def encode(one):
        x = functional.pad(one.T, (3, 4))
        x = functional.elu(conv(x, "seq_encoder.stem_conv.0"))
        for i in range(0, 8, 2):
            x = conv(functional.pad(x, (1, 1)), f"seq_encoder.conv_tower.{i}.0")
            x = functional.elu(norm(x, f"seq_encoder.conv_tower.{i}.1"))
            x = x[:, : x.shape[1] // 2 * 2].unflatten(1, (-1, 2)).amax(-1)
            x = x + functional.elu(conv(x, f"seq_encoder.conv_tower.{i + 1}.0"))
        for i, dilation in ((0, 2), (3, 4), (6, 6), (9, 1)):
            x = functional.elu(norm(conv(x, f"conv_out.{i}", dilation), f"conv_out.{i + 1}"))
        return functional.elu(linear(x, "conv_out.12")).flatten()

    x = torch.cat([torch.stack([encode(one) for one in sequence]), extra], 1)
    for i in (0, 2):
        weight, bias = p[f"add_pos_conv.{i}.weight"][..., 0], p[f"add_pos_conv.{i}.bias"]
        x = (x @ weight.T + bias).relu()
    elements, width = x.shape
    filled = [i for i in range(elements) if i == 0 or sequence[i].any()]
    for n in range(layers):
        name = f"attn_encoder.{n}."
        h = layer_norm(x, p, f"{name}norm1")
        given = h @ p[f"{name}self_attn.in_proj_weight"].T + p[f"{name}self_attn.in_proj_bias"]
        q, k, v = (part.unflatten(1, (heads, -1)) for part in given.chunk(3, 1))
        out = torch.zeros_like(q)
        for i in range(elements):
            seen = [j for j in filled if i == 0 or j in (0, i)]
            scores = torch.einsum("hd,jhd->hj", q[i], k[seen]) / (width // heads) ** 0.5
            out[i] = torch.einsum("hj,jhd->hd", scores.softmax(1), v[seen])
        x = x + linear(out.flatten(1), f"{name}self_attn.out_proj")
        h = layer_norm(x, p, f"{name}norm2")
        x = x + linear(linear(h, f"{name}ff.0").relu(), f"{name}ff.2")
    h = torch.cat([x[0], features])
    return linear(linear(linear(h, "pToExpr.0").relu(), "pToExpr.2").relu(), "pToExpr.4")


def layer_norm(x, p, name):
    x = x - x.mean(-1, keepdim=True)
    x = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return x * p[f"{name}.weight"] + p[f"{name}.bias"]


def test_the_network_equals_one_element_at_a_time():
    model = random_baseline("epinformer", layers=2, window=12_000)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    one_hot, signals, features, peaks = window(2, 12_000)
    with torch.no_grad():
        found = model(one_hot, signals, features, peaks)
    p = {name: value.detach().double() for name, value in model.state_dict().items()}
    for i in range(2):
        given = elements_of_one(one_hot[i].numpy(), signals[i].numpy(), peaks[i].numpy())
        assert 2 < given[1][:, 0].astype(bool).sum() < 60
        sequence, extra = (torch.from_numpy(part) for part in given)
        want = network(p, sequence, extra, features[i].double(), 2, 4)
        torch.testing.assert_close(found[i].double(), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("length", "seed"), [(16_000, 0), (16_000, 1), (4_096, 2), (2_000, 3)])
def test_elements_equal_the_loop(length, seed):
    one_hot, signals, _, _ = window(3, length, seed)
    peaks = random_peaks(3, length, seed)
    found = candidate_elements(one_hot, signals, peaks)
    assert found.sequence.shape == (3, 61, 2_000, 4) and found.extra.shape == (3, 61, 3)
    for i in range(3):
        sequence, extra = elements_of_one(one_hot[i].numpy(), signals[i].numpy(), peaks[i].numpy())
        np.testing.assert_array_equal(found.sequence[i], sequence)
        np.testing.assert_allclose(found.extra[i], extra, rtol=1e-5, atol=1e-6)


def test_the_nearest_sixty_stay():
    one_hot, signals, _, _ = window(2, 16_000)
    peaks = torch.zeros(2, 16_000, dtype=torch.bool)
    peaks[0, ::100] = True  # many on either side, at equal distances
    peaks[1, 3_000:3_200] = True
    found = candidate_elements(one_hot, signals, peaks)
    assert (found.extra[0, 1:, 0] > 0).all()
    assert (found.extra[0, 1:].diff(dim=0)[:, 0] >= 0).all()
    assert found.extra[0, -1, 0] == 4.0  # 30 a side, from 1.1 kb on
    assert found.extra[1, 2:].abs().sum() == 0 and found.sequence[1, 2:].sum() == 0
    sequence, extra = elements_of_one(one_hot[0].numpy(), signals[0].numpy(), peaks[0].numpy())
    np.testing.assert_array_equal(found.sequence[0], sequence)
    np.testing.assert_allclose(found.extra[0], extra, rtol=1e-5, atol=1e-6)


def test_the_promoters_own_peak_is_no_candidate():
    one_hot, signals, _, _ = window(1, 8_000)
    peaks = torch.zeros(1, 8_000, dtype=torch.bool)
    peaks[0, 4_900:5_100] = True  # its centre is 1,000 bp away
    assert not candidate_elements(one_hot, signals, peaks).extra.any()
    peaks[0, 5_100:5_102] = True  # and now 1,001
    assert candidate_elements(one_hot, signals, peaks).extra[0, 1, 0] == pytest.approx(1.001)


def test_no_peaks_leave_the_promoter():
    one_hot, signals, _, _ = window(2, 4_096)
    found = candidate_elements(one_hot, signals, torch.zeros(2, 4_096, dtype=torch.bool))
    assert torch.equal(found.sequence[:, 0], one_hot[:, 1_048:3_048])
    assert not found.sequence[:, 1:].any() and not found.extra.any()


def test_star():
    assert star_mask(4).tolist() == [
        [False, False, False, False],
        [False, False, True, True],
        [False, True, False, True],
        [False, True, True, False],
    ]


def test_elements_see_themselves_and_the_promoter():
    torch.manual_seed(0)
    layer, empty = AttentionLayer(8, 4), torch.zeros(1, 5, dtype=torch.bool)
    empty[0, 4] = True
    x = torch.randn(1, 5, 8, requires_grad=True)
    for element, seen in ((0, {0, 1, 2, 3}), (1, {0, 1}), (3, {0, 3}), (4, {0, 4})):
        (grad,) = torch.autograd.grad(layer(x, empty, star_mask(5))[0, element].sum(), x)
        # an empty element still has itself through the sum with its input
        assert set(grad[0].abs().sum(1).nonzero().flatten().tolist()) == seen


def test_the_attention_layer_is_torchs_prenorm_layer():
    torch.manual_seed(0)
    layer = AttentionLayer(8, 4)
    peer = torch.nn.TransformerEncoderLayer(
        8, 4, 32, dropout=0.0, activation="relu", batch_first=True, norm_first=True
    )
    renamed = {
        name.replace("ff.0", "linear1").replace("ff.2", "linear2"): value
        for name, value in layer.state_dict().items()
    }
    peer.load_state_dict(renamed)
    x, empty = torch.randn(2, 7, 8), torch.rand(2, 7) < 0.3
    empty[:, 0] = False
    star = star_mask(7)
    torch.testing.assert_close(
        layer(x, empty, star), peer(x, src_mask=star, src_key_padding_mask=empty)
    )


def test_the_stem_reads_three_bases_before_and_four_after():
    torch.manual_seed(0)
    encoder = SequenceEncoder(8).eval()
    seen = []
    encoder.stem_conv.register_forward_hook(lambda _, given, out: seen.append(out))
    x = torch.randn(1, 4, 1, 64, requires_grad=True)
    out = encoder(x)
    assert out.shape == (1, 16, 1, 4)
    assert seen[0].shape == (1, 32, 1, 64)
    (grad,) = torch.autograd.grad(seen[0][..., 30].sum(), x)
    assert grad.abs().sum((0, 1, 2)).nonzero().flatten().tolist() == list(range(27, 35))


def test_empty_elements_do_not_matter():
    model = random_baseline("epinformer", layers=2, window=4_096)
    one_hot, signals, _, _ = window(1, 4_096)
    peaks = torch.zeros(1, 4_096, dtype=torch.bool)
    peaks[0, 500:700] = True
    sequence, extra = candidate_elements(one_hot, signals, peaks)
    with torch.no_grad():
        found = model.attend(sequence, extra)
        torch.testing.assert_close(found, model.attend(sequence[:, :2], extra[:, :2]))
        extra[:, 2:] = 9
        assert torch.equal(found, model.attend(sequence, extra))
        extra[:, 1] = 9
        assert not torch.allclose(found, model.attend(sequence, extra))


def test_the_released_tensors():
    state = build("epinformer").state_dict()
    assert len(state) == 114
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    want = {"seq_encoder.stem_conv.0": (256, 4, 1, 8), "add_pos_conv.0": (64, 67, 1)}
    want |= {"add_pos_conv.2": (64, 64, 1), "conv_out.12": (2, 101)}
    channels = [256, 128, 64, 64, 128]
    for i in range(4):
        before, after = channels[i : i + 2]
        want[f"seq_encoder.conv_tower.{2 * i}.0"] = (after, before, 1, 3)
        want[f"seq_encoder.conv_tower.{2 * i + 1}.0"] = (after, after, 1, 1)
    outs = [(64, 128, 1, 3), (64, 64, 1, 3), (64, 64, 1, 3), (32, 64, 1, 1)]
    want |= {f"conv_out.{3 * i}": shape for i, shape in enumerate(outs)}
    for i in range(3):
        want[f"attn_encoder.{i}.self_attn.out_proj"] = (64, 64)
        want[f"attn_encoder.{i}.ff.0"] = (256, 64)
        want[f"attn_encoder.{i}.ff.2"] = (64, 256)
    want |= {"pToExpr.0": (128, 73), "pToExpr.2": (128, 128), "pToExpr.4": (1, 128)}
    for name, shape in want.items():
        assert state[f"{name}.weight"].shape == shape
        assert state[f"{name}.bias"].shape == shape[:1]
    names = {f"{name}.{part}" for name in want for part in ("weight", "bias")}
    norms = [f"seq_encoder.conv_tower.{2 * i}.1" for i in range(4)]
    norms += [f"conv_out.{3 * i + 1}" for i in range(4)]
    names |= {f"{name}.{part}" for name in norms for part in norm}
    for i in range(3):
        names |= {f"attn_encoder.{i}.self_attn.in_proj_{part}" for part in ("weight", "bias")}
        names |= {f"attn_encoder.{i}.norm{n}.{p}" for n in (1, 2) for p in ("weight", "bias")}
    assert set(state) == names
