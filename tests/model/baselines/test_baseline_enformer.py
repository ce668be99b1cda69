"""Enformer around its package: the part of the window it reads, its bins, its size."""

import sys
from itertools import pairwise

import pytest
import torch
from baseline_layout import random_baseline, window

from seq2exp.errors import InputError
from seq2exp.model.baselines import BaselineConfig, build, entry
from seq2exp.model.baselines.enformer import kept_bins

# Not importorskip at the top: what is said where the package is missing is tested everywhere.


@pytest.fixture
def package():
    return pytest.importorskip("enformer_pytorch")


def test_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "enformer_pytorch", None)
    with pytest.raises(InputError, match=r"pip install 'seq2exp\[baselines\]'"):
        build("enformer", "tiny", 4_096)


def test_width_has_room_for_the_positions():
    config = BaselineConfig.of("enformer", "tiny", width=32, heads=4)
    with pytest.raises(InputError, match="width 32 over its 4 heads must be divisible by 6"):
        entry("enformer").build(config)


def test_bins_that_are_kept():
    assert kept_bins(1_536) == 896
    for bins in range(1, 1_537):
        kept = kept_bins(bins)
        assert (bins - kept) % 2 == 0 and 0 < kept <= bins
        assert abs(kept - bins * 896 / 1_536) < 2


def test_parameter_count_of_the_paper(package):
    with torch.device("meta"):
        model = build("enformer")
    d, heads, key = 1536, 8, 64

    def conv(before, after, taps, norm=True):
        return (2 * before if norm else 0) + before * after * taps + after

    widths = [768, *(round(768 * 2 ** (i / 5) / 128) * 128 for i in range(6))]
    assert widths == [768, 768, 896, 1024, 1152, 1280, 1536]
    stem = conv(4, 768, 15, norm=False) + conv(768, 768, 1) + 768**2
    tower = sum(conv(a, b, 5) + conv(b, b, 1) + b**2 for a, b in pairwise(widths))
    attention = 2 * d * heads * key + d * d + (d // heads) * heads * key
    attention += 2 * heads * key + d * d + d
    mlp = d * 2 * d + 2 * d + 2 * d * d + d
    trunk = stem + tower + 11 * (attention + mlp + 4 * d) + conv(d, 2 * d, 1)
    assert sum(p.numel() for p in model.enformer.parameters()) == trunk == 229_845_504
    assert [tuple(model.pToExpr[i].weight.shape) for i in (0, 2, 4)] == [
        (128, 3_081),
        (128, 128),
        (1, 128),
    ]
    assert model.enformer.config.dropout_rate == 0.4 and model.enformer.config.target_length == 896


def test_reads_the_bases_as_the_package_reads_ids(package):
    """The published network was given ids A 0, C 1, G 2, T 3, N 4."""
    model = random_baseline("enformer", window=4_096)
    one_hot, signals, _, _ = window(2, 4_096)
    ids = torch.where(one_hot.any(-1), one_hot.argmax(-1), 4)
    with torch.no_grad():
        trunk = model.enformer(ids, return_only_embeddings=True, target_length=20)
        assert trunk.shape == (2, 20, 48)
        found = model.embed(one_hot, signals, None)
    torch.testing.assert_close(found, trunk.mean(1))


@pytest.mark.parametrize(
    ("length", "read"),
    [
        (4_096, slice(0, 4_096)),
        (4_100, slice(2, 4_098)),
        (4_222, slice(63, 4_159)),
        (200_000, slice(1_696, 198_304)),
    ],
)
def test_reads_the_centre(package, length, read):
    model = random_baseline("enformer", window=length)
    one_hot, signals, features, _ = window(1, length)
    one_hot[:] = 0
    one_hot[:, [read.start, read.stop - 1], 1] = 1

    def prediction(at):
        other = one_hot.clone()
        if at in range(length):
            other[:, at] = torch.tensor([0.0, 0, 1, 0])
        return model(other, signals, features).item()

    with torch.no_grad():
        found = model(one_hot, signals, features).item()
        assert prediction(read.start) != found
        assert prediction(read.stop - 1) != found
        assert prediction(read.start - 1) == prediction(read.stop) == found
