"""Peaks on a bigWig, against MACS3's command line and a walk along the bases."""

import subprocess

import numpy as np
import pyBigWig
import pytest

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.tracks.bdgpeakcall import call_peaks_from_signal, suggested_cutoff
from seq2exp.tracks.macs3 import PeakParameters, Stopped, macs3_command
from seq2exp.tracks.narrowpeak import parse_narrowpeak
from seq2exp.tracks.signal import Signal

LENGTHS = {"chr2": 30_000, "chr10": 20_000, "chr1": 10_000}


def write_bigwig(path, intervals, lengths):
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader(list(lengths.items()))
        for chrom in lengths:
            rows = intervals.get(chrom, [])
            if rows:
                starts, ends, values = map(list, zip(*rows, strict=True))
                file.addEntries([chrom] * len(rows), starts, ends=ends, values=values)
    return path


def random_steps(seed, gaps):
    """Return steps of random lengths and values, some bases without any where `gaps`."""
    rng = np.random.default_rng(seed)
    made = {}
    for chrom, length in LENGTHS.items():
        edges = np.unique(np.append(rng.integers(0, length, length // 60), [0, length])).tolist()
        values = np.round(rng.gamma(0.5, 4.0, len(edges)), 2).tolist()
        rows = list(zip(edges, edges[1:], values, strict=False))
        made[chrom] = [row for row in rows if not gaps or rng.random() < 0.5]
    return made


def command_line(path, tmp_path, steps, cutoff, minimum, gap):
    """Call peaks as `macs3 bdgpeakcall` does on a bedGraph without gaps."""
    lines = []
    for chrom, rows in steps.items():
        at = 0
        for start, end, value in [*rows, (LENGTHS[chrom], LENGTHS[chrom], 0)]:
            lines += [f"{chrom}\t{at}\t{start}\t0\n"] if start > at else []
            lines += [f"{chrom}\t{start}\t{end}\t{value}\n"] if end > start else []
            at = end
    path.write_text("".join(lines))
    arguments = ["bdgpeakcall", "-i", path, "-c", cutoff, "-l", minimum, "-g", gap]
    arguments += ["--no-trackline", "--outdir", tmp_path, "-o", "theirs.narrowPeak"]
    subprocess.run([*macs3_command(), *map(str, arguments)], check=True, capture_output=True)
    return parse_narrowpeak((tmp_path / "theirs.narrowPeak").read_text())


@pytest.mark.parametrize(
    ("gaps", "cutoff", "minimum", "gap"),
    [(False, 3.0, 80, 30), (True, 2.5, 100, 0), (True, 1, 1, 200)],
)
def test_peaks_equal_the_command_lines(tmp_path, gaps, cutoff, minimum, gap):
    steps = random_steps(1, gaps)
    signal = Signal(write_bigwig(tmp_path / "a.bw", steps, LENGTHS))
    ours = call_peaks_from_signal(
        signal, PeakParameters(cutoff=cutoff, min_length=minimum, max_gap=gap)
    )
    theirs = command_line(tmp_path / "a.bdg", tmp_path, steps, cutoff, minimum, gap)
    assert len(ours) > 10 and set(ours["chrom"]) == set(LENGTHS)
    for column in ("chrom", "start", "end", "score", "summit"):
        assert ours[column].tolist() == theirs[column].tolist()


def test_peaks_are_where_the_signal_is(tmp_path):
    """Walk along the bases: MACS3 itself would fill gaps with the next value."""
    steps = random_steps(2, gaps=True)
    signal = Signal(write_bigwig(tmp_path / "a.bw", steps, LENGTHS))
    ours = call_peaks_from_signal(signal, PeakParameters(cutoff=3.0, min_length=40, max_gap=10))
    expected = []
    for chrom in sorted(LENGTHS):
        values = np.zeros(LENGTHS[chrom], dtype=np.float32)
        for start, end, value in steps[chrom]:
            values[start:end] = value
        spans = []
        for i in np.flatnonzero(values >= 3).tolist():
            if spans and i - spans[-1][1] <= 10:
                spans[-1][1] = i + 1
            else:
                spans.append([i, i + 1])
        for start, end in spans:
            if end - start >= 40:
                expected.append([chrom, start, end, float(values[start:end].max())])
    found = ours[["chrom", "start", "end", "signal_value"]].to_numpy().tolist()
    assert found == expected
    for row in ours.itertuples():
        at_summit = signal.values(Interval(row.chrom, row.summit, row.summit + 1))
        assert at_summit.tolist() == [row.signal_value]
    assert set(ours["p_log10"]) == {-1.0} == set(ours["q_log10"])


def test_a_run_over_the_reading_chunks_stays_one(tmp_path, monkeypatch):
    path = write_bigwig(tmp_path / "a.bw", {"chr1": [(900, 2_100, 5.0)]}, {"chr1": 5_000})
    whole = call_peaks_from_signal(Signal(path), PeakParameters(cutoff=1))
    monkeypatch.setattr("seq2exp.tracks.bdgpeakcall._CHUNK", 1_000)
    chunks = call_peaks_from_signal(Signal(path), PeakParameters(cutoff=1))
    assert chunks.equals(whole)
    assert whole[["start", "end", "summit"]].to_numpy().tolist() == [[900, 2_100, 1_500]]


def test_suggested_cutoff_is_mean_plus_deviation(tmp_path):
    steps = random_steps(3, gaps=True)
    signal = Signal(write_bigwig(tmp_path / "a.bw", steps, LENGTHS))
    bases = np.zeros(0)
    for chrom, length in LENGTHS.items():
        values = np.zeros(length)
        for start, end, value in steps[chrom]:
            values[start:end] = value
        bases = np.append(bases, values)
    expected = bases.mean() + bases.std()
    assert suggested_cutoff(signal) == pytest.approx(expected, rel=6e-3)


def test_a_header_without_sums_is_made_good(tmp_path, monkeypatch):
    signal = Signal(write_bigwig(tmp_path / "a.bw", random_steps(3, True), LENGTHS))
    quick = suggested_cutoff(signal)

    class Bare:
        def header(self):
            return {"sumData": 0, "sumSquared": 0}

        def close(self):
            pass

    monkeypatch.setattr("seq2exp.tracks.bdgpeakcall.pyBigWig.open", lambda path: Bare())
    assert suggested_cutoff(signal) == quick


def test_no_signal_is_named(tmp_path):
    signal = Signal(write_bigwig(tmp_path / "a.bw", {"chr1": [(0, 10, 0.0)]}, {"chr1": 100}))
    with pytest.raises(InputError, match=r"a\.bw has no signal above 0"):
        suggested_cutoff(signal)
    assert len(call_peaks_from_signal(signal, PeakParameters(cutoff=1))) == 0


def test_it_can_be_stopped_and_speaks(tmp_path):
    signal = Signal(write_bigwig(tmp_path / "a.bw", random_steps(1, True), LENGTHS))
    with pytest.raises(Stopped):
        call_peaks_from_signal(signal, PeakParameters(cutoff=1), should_stop=lambda: True)
    told = []
    call_peaks_from_signal(signal, PeakParameters(cutoff=1), progress=lambda *a: told.append(a))
    assert [f for f, _ in told] == sorted(f for f, _ in told)
    assert "reading chr2" in told[0][1] and "calling" in told[-1][1]


def test_real_signal(real_data):
    signal = Signal(real_data / "k562_chr22" / "K562.DNase.bw")
    peaks = call_peaks_from_signal(signal)
    cutoff = suggested_cutoff(signal)
    assert 100 < len(peaks) < 1_000
    assert (peaks["signal_value"] >= cutoff).all()
    # README of the data: elements of 150-700 bp with nothing between, so no long peaks.
    assert (peaks["end"] - peaks["start"]).max() < 3_000
