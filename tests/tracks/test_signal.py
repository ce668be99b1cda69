"""Signals from bigWig against what was written and against two other readers."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pybigtools
import pyBigWig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.tracks.signal import Signal

LENGTH = 5_000


def write_bigwig(path: Path, values: np.ndarray, chrom: str = "chr1", extra: int = 0) -> Path:
    """Write the finite values of a chromosome, one entry a base."""
    at = np.flatnonzero(np.isfinite(values))
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([(chrom, len(values) + extra)])
        file.addEntries(
            [chrom] * len(at), at.tolist(), ends=(at + 1).tolist(), values=values[at].tolist()
        )
    return path


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    rng = np.random.default_rng(3)
    values = rng.gamma(0.5, 10, LENGTH)
    values[rng.random(LENGTH) < 0.3] = np.nan
    values[2_000:2_600] = np.nan
    return values


@pytest.fixture(scope="module")
def signal(tmp_path_factory: pytest.TempPathFactory, values: np.ndarray) -> Signal:
    return Signal(write_bigwig(tmp_path_factory.mktemp("bw") / "s.bw", values))


def truth(values: np.ndarray, start: int, end: int) -> np.ndarray:
    return np.array(
        [values[p] if 0 <= p < LENGTH and np.isfinite(values[p]) else 0 for p in range(start, end)],
        dtype=np.float32,
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(-300, LENGTH + 300), st.integers(0, 700))
def test_values_base_by_base(signal: Signal, values: np.ndarray, start: int, width: int) -> None:
    got = signal.values(Interval("1", start, start + width))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, truth(values, start, start + width))


@settings(max_examples=50, deadline=None)
@given(st.integers(-300, LENGTH), st.integers(1, 900), st.integers(1, 130))
def test_stats_are_those_of_whole_bins_on_absolute_edges(
    signal: Signal, values: np.ndarray, start: int, width: int, bin_bp: int
) -> None:
    low, mean, high = signal.stats(Interval("chr1", start, start + width), bin_bp)
    first, last = start // bin_bp, -(-(start + width) // bin_bp)
    bins = [truth(values, i * bin_bp, (i + 1) * bin_bp) for i in range(first, last)]
    np.testing.assert_array_equal(low, [b.min() for b in bins])
    np.testing.assert_allclose(mean, [b.mean(dtype=float) for b in bins], rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(high, [b.max() for b in bins])


def test_stats_read_in_pieces_are_the_same(signal: Signal, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = signal.stats(Interval("chr1", 0, LENGTH), 37)
    monkeypatch.setattr("seq2exp.tracks.signal._CHUNK_BP", 400)
    np.testing.assert_array_equal(signal.stats(Interval("chr1", 0, LENGTH), 37), whole)


def test_threads_and_other_processes_read_the_same(signal: Signal, values: np.ndarray) -> None:
    spans = [Interval("chr1", start, start + 500) for start in range(0, 4_500, 50)]
    expected = [truth(values, span.start, span.end) for span in spans]
    with ThreadPoolExecutor(8) as pool:
        for got, wanted in zip(pool.map(signal.values, spans), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)
    again = pickle.loads(pickle.dumps(signal))
    np.testing.assert_array_equal(again.values(spans[3]), expected[3])


def test_a_child_process_opens_the_file_anew(signal: Signal, values: np.ndarray) -> None:
    signal.values(Interval("chr1", 0, 10))
    signal._file._pid = -1  # as a forked child finds it
    old = signal._file._file
    np.testing.assert_array_equal(
        signal.values(Interval("chr1", 100, 200)), truth(values, 100, 200)
    )
    assert signal._file._file is not old
    assert signal._file._pid == os.getpid()


@pytest.mark.parametrize("keep", [10, 300, 0.5, 0.9, -4])
def test_cut_short(signal: Signal, tmp_path: Path, keep: float) -> None:
    content = signal.path.read_bytes()
    cut = int(len(content) * keep) if isinstance(keep, float) else keep
    path = tmp_path / "cut.bw"
    path.write_bytes(content[:cut])
    with pytest.raises(InputError, match=r"cut\.bw is cut short; fetch it again"):
        Signal(path)


def test_other_bad_files(tmp_path: Path, signal: Signal) -> None:
    path = tmp_path / "text.bw"
    path.write_text("chr1 1 2 3\n")
    with pytest.raises(InputError, match=r"text\.bw is not a bigWig"):
        Signal(path)
    with pytest.raises(InputError, match=r"no readable bigWig at .*none\.bw"):
        Signal(tmp_path / "none.bw")
    with pytest.raises(InputError, match=r"s\.bw has no chromosome chr9; choose a gene elsewhere"):
        signal.values(Interval("chr9", 0, 5))


def test_damaged_data_are_reported_where_they_are_read(tmp_path: Path, signal: Signal) -> None:
    content = bytearray(signal.path.read_bytes())
    start = int.from_bytes(content[16:24], "little") + 8
    content[start : start + 2_000] = os.urandom(2_000)
    path = tmp_path / "damaged.bw"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged\.bw cannot be read"):
        Signal(path).values(Interval("chr1", 0, LENGTH))


@pytest.mark.parametrize("name", ["K562.DNase.bw", "K562.H3K27ac.bw"])
@pytest.mark.parametrize("tss", [39_319_665, 37_675_605, 39_349_948, 37_984_532])
def test_real_signals_equal_two_other_readers(real_data: Path, name: str, tss: int) -> None:
    path = real_data / "k562_chr22" / name
    start, end = tss - 100_000, tss + 100_000
    got = Signal(path).values(Interval("22", start, end))
    assert got.max() > 50
    with pyBigWig.open(str(path)) as file:
        np.testing.assert_array_equal(got, np.nan_to_num(file.values("chr22", start, end)))
    with pybigtools.open(str(path)) as file:
        other = file.values("chr22", start, end, fillna=0.0)
    np.testing.assert_array_equal(got, other.astype(np.float32))


def test_real_values_at_known_coordinates(real_data: Path) -> None:
    """The element at RPL3's promoter, read off the file with `bigWigToBedGraph`'s counterpart."""
    path = real_data / "k562_chr22" / "K562.DNase.bw"
    signal = Signal(path)
    with pybigtools.open(str(path)) as file:
        steps = [r for r in file.records("chr22", 39_319_000, 39_321_000)]
    assert steps
    for start, end, value in steps:
        got = signal.values(Interval("chr22", start - 1, end + 1))
        assert (got[1:-1] == np.float32(value)).all()
        assert got[0] != np.float32(value) and got[-1] != np.float32(value)
