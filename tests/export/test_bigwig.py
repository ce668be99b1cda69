"""bigWig and bedGraph, read back with pybigtools and bioframe."""

import io
import itertools
import math

import numpy as np
import pandas as pd
import pybigtools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seq2exp.errors import InputError
from seq2exp.export.bigwig import bedgraph, bigwig, cut_bigwig, mask_tracks, value_runs
from seq2exp.genome.locus import Interval
from seq2exp.model.beta import BetaPrior, MaskPosterior

LENGTHS = {"chr1": 60, "chr2": 500}

windows = st.integers(1, 90).flatmap(
    lambda size: st.tuples(
        arrays(np.float32, size, elements=st.sampled_from([0.0, 0.25, 0.5, np.float32(1 / 3)])),
        st.integers(-40, 50),
    )
)


def on_chromosome(values, origin):
    """Lay the window over a whole chromosome, base by base."""
    expected = np.full(60, np.nan)
    for i, value in enumerate(values):
        if 0 <= origin + i < 60:
            expected[origin + i] = value
    return expected


@settings(deadline=None, max_examples=40)
@given(windows)
def test_bigwig_read_back_base_by_base(case):
    values, origin = case
    data = bigwig(values, Interval("chr1", origin, origin + len(values)), LENGTHS)
    expected = on_chromosome(values, origin)
    with pybigtools.open(io.BytesIO(data)) as file:
        assert file.chroms() == LENGTHS
        found = np.full(60, np.nan)
        if not np.isnan(expected).all():
            for start, end, value in file.records("chr1"):
                found[start:end] = value
    np.testing.assert_allclose(found, expected, atol=5.1e-7)


@settings(deadline=None)
@given(windows)
def test_bedgraph_read_back_base_by_base(case):
    values, origin = case
    text = bedgraph(values, Interval("chr1", origin, origin + len(values)), LENGTHS)
    found = np.full(60, np.nan)
    lines = [line.split("\t") for line in text.splitlines()]
    for chrom, start, end, value in lines:
        assert chrom == "chr1"
        assert np.isnan(found[int(start) : int(end)]).all()
        found[int(start) : int(end)] = float(value)
    np.testing.assert_allclose(found, on_chromosome(values, origin), atol=5.1e-7)
    assert all(a[3] != b[3] for a, b in itertools.pairwise(lines))


def test_bedgraph_of_a_full_mask_is_a_table(tmp_path):
    mask = np.random.default_rng(0).random(200_000, dtype=np.float32)
    text = bedgraph(
        mask, Interval("chr1", 1_000, 201_000), {"chr1": 10**6}, "mask", "SYNGR1 in K562"
    )
    head, _, body = text.partition("\n")
    assert head == 'track name="mask" description="SYNGR1 in K562" type="bedGraph"'
    table = pd.read_csv(io.StringIO(body), sep="\t", header=None)
    whole = np.repeat(table[3].to_numpy(), (table[2] - table[1]).to_numpy())
    np.testing.assert_allclose(whole, mask, atol=5.1e-7)


def test_bigwig_of_a_full_mask():
    mask = np.random.default_rng(0).random(200_000, dtype=np.float32)
    data = bigwig(mask, Interval("chr1", 1_000, 201_000), {"chr1": 10**6})
    with pybigtools.open(io.BytesIO(data)) as file:
        values = file.values("chr1", 1_000, 201_000, fillna=None)
    np.testing.assert_allclose(values, mask, atol=5.1e-7)


def test_nan_is_zero_and_values_must_fit():
    starts, ends, runs = value_runs([np.nan, 0.0, 1.0], Interval("chr1", 0, 3), 60)
    assert (starts.tolist(), ends.tolist(), runs.tolist()) == ([0, 2], [2, 3], [0.0, 1.0])
    with pytest.raises(ValueError, match="for the 4 bases"):
        value_runs([1.0], Interval("chr1", 0, 4), 60)


def test_a_chromosome_that_is_not_there_is_named():
    with pytest.raises(InputError, match=r"chr9 is not among .* chr1, chr2"):
        bigwig(np.ones(3), Interval("chr9", 0, 3), LENGTHS)


@settings(deadline=None, max_examples=40)
@given(windows, st.lists(st.integers(0, 60), min_size=4, max_size=4, unique=True).map(sorted))
def test_a_part_of_a_bigwig_has_its_values_and_no_others(tmp_path_factory, case, edges):
    values, origin = case
    path = tmp_path_factory.mktemp("cut") / "whole.bw"
    path.write_bytes(bigwig(values, Interval("1", origin, origin + len(values)), {"1": 60, "2": 9}))
    a, b, c, d = edges
    spans = [Interval("chr1", c, d), Interval("chr1", a, b), Interval("chr2", 0, 9)]
    expected = on_chromosome(values, origin)
    inside = np.zeros(60, dtype=bool)
    inside[a:b] = inside[c:d] = True
    expected[~inside] = np.nan
    data = cut_bigwig(path, spans, {"chr1": 60, "chr2": 9})
    assert (data is None) == np.isnan(expected).all()
    if data is not None:
        with pybigtools.open(io.BytesIO(data)) as file:
            assert file.chroms() == {"chr1": 60, "chr2": 9}
            found = file.values("chr1", 0, 60, fillna=None)
        np.testing.assert_allclose(found, expected, atol=5.1e-7)


def test_a_part_of_a_damaged_bigwig_is_named(tmp_path):
    path = tmp_path / "cut-short.bw"
    path.write_bytes(bigwig(np.ones(50), Interval("chr1", 0, 50), LENGTHS)[:100])
    with pytest.raises(InputError, match=r"cut-short\.bw cannot be read"):
        cut_bigwig(path, [Interval("chr1", 0, 9)], LENGTHS)


def test_a_masks_mean_and_band_are_edited_alike():
    posterior = MaskPosterior(
        alpha=np.array([1, 2, 8, 3], dtype=np.float32),
        beta=np.array([1, 6, 2, 3], dtype=np.float32),
        prior=BetaPrior(1.0, 9.0),
        evidence=np.ones((4, 4), dtype=np.float32),
        forced_open=slice(3, 4),
        closed=np.array([True, False, False, True]),
    )
    found = mask_tracks(posterior)
    assert list(found) == ["mean", "lower", "upper"]
    np.testing.assert_allclose(found["mean"], [0, 0.25, 0.8, 1], rtol=1e-6)
    for kind, share in (("lower", 0.05), ("upper", 0.95)):
        assert found[kind][[0, 3]].tolist() == [0, 1]
        below = [below_beta(found[kind][1], 2, 6), below_beta(found[kind][2], 8, 2)]
        assert below == pytest.approx([share, share], rel=1e-5)


def below_beta(x, a, b):
    """P(m < x) of a Beta with whole parameters: the tail of a binomial distribution."""
    n, x = a + b - 1, float(x)
    return sum(math.comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(a, n + 1))
