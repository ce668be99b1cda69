"""MACS3 callpeak as the app runs it, against its command line."""

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from reads_for_tests import SITES, simulate, write_bam, write_bed

from seq2exp.errors import InputError
from seq2exp.tracks.macs3 import PeakParameters, Stopped, call_peaks, macs3_command, macs3_version
from seq2exp.tracks.narrowpeak import format_narrowpeak


def command_line(folder, *arguments):
    """Run the `macs3` beside this Python as a user would, and return what it wrote."""
    macs3 = Path(sys.executable).with_name("macs3")
    macs3 = str(macs3) if macs3.exists() else shutil.which("macs3")
    subprocess.run(
        [macs3, "callpeak", *map(str, arguments), "-n", "macs3", "--outdir", str(folder)],
        check=True,
        capture_output=True,
    )
    return (folder / "macs3_peaks.narrowPeak").read_text()


@pytest.mark.parametrize("q", [0.05, 0.001])
@pytest.mark.parametrize("with_control", [True, False])
def test_the_real_reads_give_the_command_lines_peaks(real_data, tmp_path, q, with_control):
    reads = real_data / "macs3_reads" / "CTCF_SE_ChIP_chr22_50k.bed.gz"
    control = real_data / "macs3_reads" / "CTCF_SE_CTRL_chr22_50k.bed.gz" if with_control else None
    chip = PeakParameters(q=q, shift=0, extsize=200, keep_dup=1)
    ours = call_peaks(reads, 51_000_000, chip, control)
    arguments = ["-t", reads, "-f", "BED", "-g", "51000000", "-q", q, "--nomodel"]
    arguments += ["--extsize", "200", *(["-c", control] if with_control else [])]
    theirs = command_line(tmp_path, *arguments)
    assert len(ours) > 100
    assert format_narrowpeak(ours, clip=False) == theirs
    if with_control and q == 0.05:
        assert len(ours) == 725


def test_dnase_defaults_and_every_switch_reach_macs3(tmp_path):
    reads = write_bed(tmp_path / "reads.bed.gz", simulate())
    ours = call_peaks(reads, 200_000)
    common = ["-t", reads, "-f", "BED", "-g", "200000", "--nomodel"]
    dnase = ["--shift", "-75", "--extsize", "150", "--keep-dup", "all", "-q", "0.05"]
    assert format_narrowpeak(ours, clip=False) == command_line(tmp_path, *common, *dnase)
    for site in SITES:
        near = ours[(ours["start"] <= site) & (ours["end"] > site)]
        assert len(near) == 1 and abs(near["summit"].iloc[0] - site) < 60

    odd = PeakParameters(0.01, None, -50, 100, 3, 120, 900, True)
    expected = ["--shift", "-50", "--extsize", "100", "--keep-dup", "3", "-q", "0.01"]
    expected += ["--min-length", "120", "--max-gap", "900", "--call-summits"]
    ours = call_peaks(reads, 200_000, odd)
    assert format_narrowpeak(ours, clip=False) == command_line(tmp_path, *common, *expected)


def test_bam_and_bed_of_the_same_reads_give_the_same_peaks(tmp_path):
    reads = simulate()
    bed = call_peaks(write_bed(tmp_path / "reads.bed", reads), 200_000)
    bam = call_peaks(write_bam(tmp_path / "reads.bam", reads, {"chr1": 200_000}), 200_000)
    assert len(bed) and bam.equals(bed)


def test_no_peaks_is_an_answer(tmp_path):
    lone = [("chr1", i * 1_000, i * 1_000 + 36, "+-"[i % 2]) for i in range(150)]
    assert len(call_peaks(write_bed(tmp_path / "reads.bed", lone), 200_000)) == 0


def test_progress_rises_and_speaks(tmp_path):
    told = []
    call_peaks(
        write_bed(tmp_path / "reads.bed", simulate()), 200_000, progress=lambda *a: told.append(a)
    )
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert any("Call peaks" in text for _, text in told)
    assert all(text.startswith("MACS3: ") and "INFO" not in text for _, text in told)


@pytest.fixture
def endless(tmp_path, monkeypatch):
    """Stand a program that never ends in for MACS3; its process id is in a file."""
    pid = tmp_path / "pid"
    script = tmp_path / "slow.py"
    script.write_text(
        f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    command = (sys.executable, str(script))
    monkeypatch.setattr("seq2exp.tracks.macs3.macs3_command", lambda: command)
    return pid


def alive(pid):
    return Path(f"/proc/{pid.read_text()}").exists()


def test_it_can_be_stopped_and_leaves_no_process(tmp_path, endless):
    reads = write_bed(tmp_path / "reads.bed", simulate())
    asked = time.monotonic() + 1
    with pytest.raises(Stopped):
        call_peaks(reads, 200_000, should_stop=lambda: time.monotonic() > asked)
    assert time.monotonic() - asked < 3
    assert not alive(endless)


def test_an_error_in_progress_ends_macs3_too(tmp_path, endless):
    reads = write_bed(tmp_path / "reads.bed", simulate())

    def progress(fraction, text):
        if endless.exists() and endless.read_text():
            raise KeyError("stop")

    with pytest.raises(KeyError):
        call_peaks(reads, 200_000, progress=progress)
    assert not alive(endless)
    assert not any(thread.name == "macs3-log" for thread in threading.enumerate())


def test_what_macs3_cannot_read_is_said_in_its_words(tmp_path, real_data):
    whole = (real_data / "macs3_reads" / "CTCF_SE_ChIP_chr22_50k.bed.gz").read_bytes()
    cut = tmp_path / "cut.bed.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError) as error:
        call_peaks(cut, 51_000_000)
    assert str(cut) in str(error.value)
    assert "Compressed file ended before the end-of-stream marker" in str(error.value)


def test_a_damaged_line_far_down_is_said_in_macs3s_words(tmp_path):
    path = write_bed(tmp_path / "reads.bed", simulate())
    with open(path, "a") as file:
        file.write("chr1\t5\t9\t.\t0\t*\n")
    with pytest.raises(InputError, match=r"reads\.bed; .* It said: .*Strand"):
        call_peaks(path, 200_000)


def test_control_and_reads_must_be_alike(tmp_path):
    bed = write_bed(tmp_path / "a.bed", simulate())
    bam = write_bam(tmp_path / "b.bam", simulate(), {"chr1": 200_000})
    with pytest.raises(InputError, match="different formats"):
        call_peaks(bed, 200_000, control=bam)


@pytest.mark.parametrize(
    "wrong", [{"q": 0}, {"q": 1.5}, {"q": float("nan")}, {"cutoff": 0}, {"extsize": 0}]
)
def test_impossible_parameters_are_refused(wrong):
    with pytest.raises(InputError, match="is not possible"):
        PeakParameters(**wrong)


def test_the_installed_macs3_is_the_one_that_runs():
    said = subprocess.run([*macs3_command(), "--version"], capture_output=True, text=True)
    assert said.stdout.split()[-1] == macs3_version()
