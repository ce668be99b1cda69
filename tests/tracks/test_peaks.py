"""One cell type's peaks: which source, called once, kept, on the right genome."""

import json
import multiprocessing
import threading
from types import SimpleNamespace

import pyBigWig
import pytest
from reads_for_tests import simulate, write_bed, write_fasta

from seq2exp.errors import InputError
from seq2exp.tracks import peaks as module
from seq2exp.tracks.macs3 import PeakParameters, Stopped, call_peaks
from seq2exp.tracks.narrowpeak import read_narrowpeak
from seq2exp.tracks.peaks import PeakCaller
from seq2exp.tracks.sequence import Genome
from seq2exp.tracks.signal import Signal

SIZE = 200_000
ROW = "chr1\t{}\t{}\t{}\t30\t.\t5\t6\t{}\t20\n"


@pytest.fixture
def genome(tmp_path):
    return Genome(write_fasta(tmp_path / "genome.fa", {"chr1": SIZE}, n_first=1_000))


@pytest.fixture
def reads(tmp_path):
    return write_bed(tmp_path / "reads.bed.gz", simulate())


@pytest.fixture
def calls(monkeypatch):
    """Count how often MACS3 is really run."""
    counted = []

    def counting(*arguments):
        counted.append(arguments)
        return call_peaks(*arguments)

    monkeypatch.setattr(module, "call_peaks", counting)
    return counted


def imported(path, rows):
    path.write_text("".join(ROW.format(*row) for row in rows))
    return path


def test_reads_are_called_once_and_kept(tmp_path, genome, reads, calls):
    cache = tmp_path / "cache"
    caller = PeakCaller(genome=genome, reads=reads, cache=cache)
    assert (caller.kind, caller.knob, caller.sources) == ("reads", "q", ("reads",))
    assert caller.source == "MACS3 callpeak on DNase reads, q ≤ 0.05"
    assert caller.genome_size == SIZE - 1_000
    assert caller.cached() is None
    first = caller.peaks()
    assert first.equals(call_peaks(reads, SIZE - 1_000)) and len(first) >= 4
    assert caller.peaks().equals(first) and caller.cached().equals(first)
    # Another day, another process: only the file is there.
    again = PeakCaller(genome=genome, reads=reads, cache=cache)
    assert again.cached().equals(first)
    assert len(calls) == 1
    (kept,) = cache.iterdir()
    head = json.loads(kept.read_text().splitlines()[0].removeprefix("# "))
    assert (head["tool"], head["q"], head["genome_size"]) == ("callpeak", 0.05, SIZE - 1_000)


def test_what_is_kept_is_not_changed_by_its_users(tmp_path, genome, reads):
    caller = PeakCaller(genome=genome, reads=reads, cache=tmp_path / "cache")
    first = caller.peaks()
    start = int(first.loc[0, "start"])
    first.loc[0, "start"] = -5
    assert caller.cached().loc[0, "start"] == start


def test_other_parameters_or_reads_are_other_peaks(tmp_path, genome, reads, calls):
    caller = PeakCaller(genome=genome, reads=reads, cache=tmp_path / "cache")
    loose, strict = caller.peaks(PeakParameters(q=0.05)), caller.peaks(PeakParameters(q=1e-6))
    assert len(strict) <= len(loose)
    assert caller.describe(PeakParameters(q=1e-6)).endswith("q ≤ 1e-06")
    # A cutoff is of no concern to callpeak.
    assert caller.cached(PeakParameters(q=0.05, cutoff=3.0)).equals(loose)
    assert caller.cached(PeakParameters(q=0.01)) is None
    write_bed(reads, simulate(seed=2))
    assert PeakCaller(genome=genome, reads=reads, cache=tmp_path / "cache").cached() is None
    sized = PeakCaller(genome=genome, reads=reads, genome_size=10**6, cache=tmp_path / "cache")
    assert sized.cached() is None
    control = write_bed(tmp_path / "control.bed", simulate(seed=3)[::3])
    against = PeakCaller(genome=genome, reads=reads, control=control, cache=tmp_path / "cache")
    assert against.cached() is None and "against a control" in against.source
    assert len(calls) == 2


def test_a_signal_is_called_with_a_cutoff(tmp_path, genome):
    path = tmp_path / "a.bw"
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("1", SIZE)])
        file.addEntries(["1", "1"], [5_000, 9_000], ends=[5_500, 9_200], values=[0.24, 8.0])
    caller = PeakCaller(genome=genome, signal=Signal(path), cache=tmp_path / "cache")
    assert caller.knob == "cutoff"
    assert caller.source == "MACS3 bdgpeakcall on the DNase signal, cutoff 0.262 (mean + s.d.)"
    peaks = caller.peaks()
    assert peaks[["chrom", "start", "end", "signal_value"]].to_numpy().tolist() == [
        ["chr1", 9_000, 9_200, 8.0]
    ]
    low = PeakParameters(cutoff=0.2)
    assert caller.describe(low) == "MACS3 bdgpeakcall on the DNase signal, cutoff 0.2"
    assert caller.cached(low) is None
    first = caller.peaks(low)
    assert len(first) == 2
    kept = PeakCaller(genome=genome, signal=Signal(path), cache=tmp_path / "cache")
    assert kept.cached(low).equals(first)
    assert kept.cached(PeakParameters(q=0.5, cutoff=0.2)).equals(first)


def test_imported_peaks_are_filtered_by_their_own_q(tmp_path, genome, reads):
    rows = [(100, 200, "macs2_peak_1", 1.5), (300, 400, "b", 1.2), (500, 600, "c", -1)]
    path = imported(tmp_path / "a.narrowPeak", rows)
    caller = PeakCaller(genome=genome, imported=path, reads=reads, cache=tmp_path / "cache")
    assert (caller.kind, caller.sources) == ("imported", ("imported", "reads"))
    assert caller.source == "imported MACS2 narrowPeak, q ≤ 0.05"
    assert caller.cached()["name"].tolist() == ["macs2_peak_1", "c"]
    assert caller.peaks(PeakParameters(q=0.1))["name"].tolist() == ["macs2_peak_1", "b", "c"]
    assert caller.peaks(PeakParameters(q=10**-1.5))["name"].tolist() == ["macs2_peak_1", "c"]
    assert not (tmp_path / "cache").exists()
    chosen = PeakCaller(genome=genome, imported=path, reads=reads, use="reads")
    assert chosen.kind == "reads"
    plain = imported(tmp_path / "b.narrowPeak", [(1, 50, "x", -1)])
    assert (
        PeakCaller(genome=genome, imported=plain).source == "imported narrowPeak (without q-values)"
    )


def test_real_imported_peaks(real_data):
    folder = real_data / "k562_chr22"
    path = folder / "K562.DNase.macs2.narrowPeak"
    caller = PeakCaller(genome=Genome(folder / "chr22.fa"), imported=path)
    whole = read_narrowpeak(path)
    assert caller.peaks(PeakParameters(q=1)).equals(whole) and len(whole) == 1_974
    strict = caller.peaks(PeakParameters(q=0.05))
    assert 0 < len(strict) < 1_974
    assert (strict["q_log10"] > 1.301).all()
    assert caller.source == "imported MACS2 narrowPeak, q ≤ 0.05"


def test_a_cell_type_brings_its_files(tmp_path, genome, reads):
    path = tmp_path / "a.bw"
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("chr1", SIZE)])
        file.addEntries(["chr1"], [5_000], ends=[5_500], values=[3.0])
    cell = SimpleNamespace(dnase=Signal(path), reads=reads, peaks_path=None)
    assert PeakCaller.for_cell(cell, genome).sources == ("reads", "signal")
    assert PeakCaller.for_cell(cell, genome, use="signal").knob == "cutoff"


def test_no_source_is_named(genome, reads):
    with pytest.raises(InputError, match="no peaks from anything"):
        PeakCaller(genome=genome)
    with pytest.raises(InputError, match="no peaks from signal"):
        PeakCaller(genome=genome, reads=reads, use="signal")


def test_peaks_of_another_genome_are_refused(tmp_path, genome):
    path = imported(tmp_path / "a.narrowPeak", [(SIZE + 10, SIZE + 100, "x", 2)])
    with pytest.raises(InputError, match=r"a\.narrowPeak has a peak at chr1:200,011, beyond"):
        PeakCaller(genome=genome, imported=path).peaks()
    path.write_text(path.read_text().replace("chr1", "chrZ"))
    with pytest.raises(InputError, match=r"no chromosome of .*genome\.fa \(it has chrZ\)"):
        PeakCaller(genome=genome, imported=path).peaks()


def test_missing_reads_are_named(tmp_path, genome):
    caller = PeakCaller(genome=genome, reads=tmp_path / "none.bed", cache=tmp_path / "cache")
    for ask in (caller.cached, caller.peaks):
        with pytest.raises(InputError, match=r"none\.bed cannot be read \(No such file"):
            ask()


def test_failure_leaves_nothing_behind(tmp_path, genome):
    path = tmp_path / "reads.bed"
    path.write_text("chr1\t5\t41\t.\t0\t+\n" * 200 + "chr1\t5\t9\t.\t0\t*\n")
    caller = PeakCaller(genome=genome, reads=path, cache=tmp_path / "cache")
    with pytest.raises(InputError, match="could not call peaks"):
        caller.peaks()
    assert not list(tmp_path.glob("cache/*"))


def test_threads_that_want_the_same_peaks_share_one_call(tmp_path, genome, reads, calls):
    caller = PeakCaller(genome=genome, reads=reads, cache=tmp_path / "cache")
    found = []
    threads = [threading.Thread(target=lambda: found.append(caller.peaks())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1 and len(found) == 4
    assert all(peaks.equals(found[0]) for peaks in found)


def test_waiting_for_another_thread_can_be_stopped(tmp_path, genome, reads, monkeypatch):
    caller = PeakCaller(genome=genome, reads=reads, cache=tmp_path / "cache")
    started, release = threading.Event(), threading.Event()

    def slow(*arguments):
        started.set()
        release.wait(30)
        return call_peaks(*arguments)

    monkeypatch.setattr(module, "call_peaks", slow)
    worker = threading.Thread(target=caller.peaks)
    worker.start()
    started.wait(30)
    told = []
    with pytest.raises(Stopped):
        caller.peaks(progress=lambda *a: told.append(a), should_stop=lambda: bool(told))
    assert told == [(0.0, "waiting for the same peaks to be called")]
    release.set()
    worker.join()
    assert caller.cached() is not None


def _call_in_process(fasta, reads, cache, results):
    peaks = PeakCaller(genome=Genome(fasta), reads=reads, cache=cache).peaks()
    results.put(peaks.to_csv())


def test_two_processes_write_one_whole_file(tmp_path, genome, reads):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    arguments = (genome.path, reads, tmp_path / "cache", results)
    workers = [context.Process(target=_call_in_process, args=arguments) for _ in range(2)]
    for worker in workers:
        worker.start()
    texts = {results.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join()
    caller = PeakCaller(genome=genome, reads=reads, cache=tmp_path / "cache")
    assert texts == {caller.cached().to_csv()}
    assert len(list((tmp_path / "cache").iterdir())) == 1
