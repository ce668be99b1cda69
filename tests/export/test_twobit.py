"""The genome as .2bit and FASTA, read back by py2bit and pyfaidx."""

import py2bit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfaidx import Faidx

from seq2exp.export.twobit import write_fasta, write_twobit
from seq2exp.tracks.sequence import Genome

sequences = st.text("ACGTNacgtnRY", min_size=1, max_size=140)


def genome_of(folder, texts):
    path = folder / "genome.fa"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    return Genome(path)


@settings(deadline=None, max_examples=40)
@given(sequences, sequences)
def test_bases_are_read_back(tmp_path_factory, first, second):
    folder = tmp_path_factory.mktemp("bases")
    genome = genome_of(folder, {"1": first, "scaffold": second})
    names = {"1": "chr1", "scaffold": "scaffold"}
    write_twobit(genome, names, folder / "out.2bit")
    write_fasta(genome, names, folder / "out.fa")
    expected = {
        name: "".join(base if base in "ACGT" else "N" for base in text.upper())
        for name, text in (("chr1", first), ("scaffold", second))
    }
    file = py2bit.open(str(folder / "out.2bit"))
    assert file.chroms() == {name: len(text) for name, text in expected.items()}
    assert {name: file.sequence(name) for name in expected} == expected
    file.close()
    with Faidx(str(folder / "out.fa"), rebuild=False) as fasta:
        for name, text in expected.items():
            assert str(fasta.fetch(name, 1, len(text))) == text


@pytest.mark.parametrize("length", [1, 59, 60, 61, 120])
def test_the_fasta_has_lines_of_60_and_an_index_that_fits(tmp_path, length):
    genome = genome_of(tmp_path, {"a": "ACGTA" * 24, "b": "G" * length})
    write_fasta(genome, {"a": "a", "b": "b"}, tmp_path / "out.fa")
    lines = (tmp_path / "out.fa").read_text().splitlines()
    assert max(map(len, lines)) == 60
    (tmp_path / "theirs.fa").write_bytes((tmp_path / "out.fa").read_bytes())
    Faidx(str(tmp_path / "theirs.fa")).close()
    ours = (tmp_path / "out.fa.fai").read_text().splitlines()
    theirs = (tmp_path / "theirs.fa.fai").read_text().splitlines()
    # pyfaidx takes the line width of a sequence that has one line from that line.
    assert ours[0] == theirs[0]
    assert ours[1].split("\t")[:3] == theirs[1].split("\t")[:3]


def test_only_the_chromosomes_asked_for(tmp_path):
    genome = genome_of(tmp_path, {"a": "ACGT", "b": "GG"})
    write_twobit(genome, {"b": "b"}, tmp_path / "out.2bit")
    file = py2bit.open(str(tmp_path / "out.2bit"))
    assert file.chroms() == {"b": 2}
    file.close()
