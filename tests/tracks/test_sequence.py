"""Bases from FASTA against the text itself; indexes, padding and bad files."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfaidx import Faidx

from seq2exp.errors import InputError
from seq2exp.files import cache_dir
from seq2exp.genome.locus import Interval
from seq2exp.tracks.sequence import Genome

TEXT = "".join(np.random.default_rng(2).choice(list("ACGTacgtNnRY"), 1_003))


def write_fasta(path: Path, sequences: dict[str, str], width: int = 60) -> Path:
    lines = []
    for name, text in sequences.items():
        lines += [f">{name} made by hand"]
        lines += [text[i : i + width] for i in range(0, len(text), width)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> Genome:
    folder = tmp_path_factory.mktemp("fasta")
    return Genome(write_fasta(folder / "g.fa", {"chr1": TEXT, "2": "ACGT"}))


def expected(start: int, end: int) -> str:
    inside = [TEXT[p] if 0 <= p < len(TEXT) else "N" for p in range(start, end)]
    return "".join(b if b in "ACGT" else "N" for b in "".join(inside).upper())


@settings(max_examples=60, deadline=None)
@given(st.integers(-100, 1_100), st.integers(0, 300))
def test_every_base_stands_where_the_text_has_it(genome: Genome, start: int, width: int) -> None:
    interval = Interval("1", start, start + width)
    text = expected(start, start + width)
    assert genome.fetch(interval) == text
    codes = genome.codes(interval)
    assert codes.dtype == np.uint8
    assert codes.tolist() == ["ACGTN".index(base) for base in text]


def test_lengths_and_pickling(genome: Genome) -> None:
    assert genome.lengths == {"chr1": 1_003, "2": 4}
    again = pickle.loads(pickle.dumps(genome))
    assert again.fetch(Interval("chr2", 0, 4)) == "ACGT"


def test_the_index_goes_to_the_cache_not_beside_the_data(genome: Genome) -> None:
    assert [path.name for path in genome.path.parent.iterdir()] == ["g.fa"]
    assert list((cache_dir() / "fai").glob("*.fai"))


def test_an_index_beside_the_genome_is_used(tmp_path: Path) -> None:
    path = write_fasta(tmp_path / "g.fa", {"chr1": "ACGTACGTAC"}, width=4)
    Faidx(str(path)).close()
    before = set((cache_dir() / "fai").glob("*"))
    assert Genome(path).fetch(Interval("chr1", 2, 9)) == "GTACGTA"
    assert set((cache_dir() / "fai").glob("*")) == before


def test_an_index_of_an_older_genome_is_not_used(tmp_path: Path) -> None:
    path = write_fasta(tmp_path / "g.fa", {"chr1": "ACGTACGTAC"}, width=4)
    Faidx(str(path)).close()
    write_fasta(path, {"chr1": "ACGTACGTAC", "chr2": "GGGGG"}, width=4)
    assert Genome(path).fetch(Interval("chr2", 0, 5)) == "GGGGG"


def test_windows_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "g.fa"
    path.write_bytes(b">chr1\r\nACGT\r\nAC\r\n")
    assert Genome(path).fetch(Interval("chr1", 1, 6)) == "CGTAC"


def test_cut_short(tmp_path: Path) -> None:
    path = write_fasta(tmp_path / "g.fa", {"chr1": TEXT})
    Faidx(str(path)).close()
    os.truncate(path, 500)
    with pytest.raises(InputError, match=r"g\.fa is shorter than its index says; fetch it again"):
        Genome(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x1f\x8b\x08\x00", "is compressed; unpack it with gunzip"),
        (b"ACGT\n", "is not FASTA"),
        (b"", "is not FASTA"),
        (b">chr1\nACGT\nAC\nACGTACGT\n", "cannot be indexed"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.fa"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        Genome(path)
    assert str(path) in str(caught.value)


def test_missing_file_or_chromosome(tmp_path: Path, genome: Genome) -> None:
    with pytest.raises(InputError, match=r"no readable genome at .*none\.fa"):
        Genome(tmp_path / "none.fa")
    with pytest.raises(InputError, match=r"g\.fa has no chromosome chr9"):
        genome.codes(Interval("chr9", 0, 5))
