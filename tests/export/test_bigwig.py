"""bigWig and bedGraph, read back with pybigtools and bioframe."""

import io
import itertools

import numpy as np
import pandas as pd
import pybigtools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seq2exp.errors import InputError
from seq2exp.export.bigwig import bedgraph, bigwig, value_runs
from seq2exp.genome.locus import Interval

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
