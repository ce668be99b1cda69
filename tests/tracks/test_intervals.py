"""Which bases a BED file covers, against sets of bases."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.tracks.intervals import IntervalMask

ROWS = [("chr1", 10, 20), ("chr1", 15, 40), ("chr1", 90, 91), ("chr2", 0, 5), ("chr1", 0, 2)]


@pytest.fixture(scope="module")
def mask(tmp_path_factory: pytest.TempPathFactory) -> IntervalMask:
    path = tmp_path_factory.mktemp("bed") / "b.bed.gz"
    text = "track name=x\n#c\n\n" + "".join(f"{c}\t{s}\t{e}\tname\n" for c, s, e in ROWS)
    path.write_bytes(gzip.compress(text.encode()))
    return IntervalMask(path)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["1", "chr2", "chr3"]), st.integers(-20, 120), st.integers(0, 100))
def test_covered(mask: IntervalMask, chrom: str, start: int, width: int) -> None:
    name = chrom if chrom.startswith("chr") else f"chr{chrom}"
    bases = {p for c, s, e in ROWS if c == name for p in range(s, e)}
    got = mask.covered(Interval(chrom, start, start + width))
    assert got.tolist() == [p in bases for p in range(start, start + width)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"chr1\t5\n", "Line 1 of .* is not BED"),
        (b"chr1\t5\t9\nchr1\tx\t9\n", "Line 2 of .* is not BED"),
        (gzip.compress(b"chr1\t5\t9\n" * 900, mtime=0)[:30], "cannot be read"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.bed"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        IntervalMask(path)
    with pytest.raises(InputError, match="cannot be read"):
        IntervalMask(tmp_path / "none.bed")
