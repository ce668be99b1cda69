"""Files of reads: which are usable, and what is said of the others."""

import gzip

import pytest
from reads_for_tests import simulate, write_bam, write_bed, write_fasta

from seq2exp.errors import InputError
from seq2exp.tracks.reads import check_reads, count_bases


def test_bed_and_bam_are_told_apart(tmp_path):
    reads = simulate()
    assert check_reads(write_bed(tmp_path / "a.bed", reads)) == "BED"
    assert check_reads(write_bed(tmp_path / "a.tagAlign.gz", reads)) == "BED"
    assert check_reads(write_bam(tmp_path / "a.bam", reads, {"chr1": 200_000})) == "BAM"


def test_real_reads_are_usable(real_data):
    assert check_reads(real_data / "macs3_reads" / "CTCF_SE_ChIP_chr22_50k.bed.gz") == "BED"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.bed", b"", "is empty"),
        ("a.bed", b"# nothing\ntrack name=x\n", "holds no reads"),
        ("a.bed.gz", gzip.compress(b"", mtime=0), "holds no reads"),
        ("a.bed.gz", b"\x1f\x8b" + b"\xff" * 40, "damaged gzip"),
        ("a.bed", b"a b c\n", "line 1 is no read"),
        ("a.bed", b"chr1\t1\t9\n", "line 1 is no read"),
        ("a.bed", b"chr1\t1\t9\t.\t0\t+\nchr1\t9\t1\t.\t0\t+\n", "line 2 is no read"),
        ("a.bed", b"chr1\t1\t9\t.\t0\t.\n", "strand"),
        ("a.bed", bytes(range(256)), "is no read"),
        ("a.bam", b"chr1\t1\t9\t.\t0\t+\n", "is not a BAM file"),
        ("a.bam", gzip.compress(b"text", mtime=0), "is not a BAM file"),
        ("a.fastq", b"@r1\nACGT\n+\nIIII\n", "rename it by its format"),
    ],
)
def test_unusable_reads_are_named(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as error:
        check_reads(path)
    assert str(path) in str(error.value)


def test_missing_reads_and_a_cut_bam_are_named(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        check_reads(tmp_path / "none.bed")
    cut = write_bam(tmp_path / "cut.bam", simulate(), {"chr1": 200_000}, end_mark=False)
    with pytest.raises(InputError, match="cut short"):
        check_reads(cut)


def test_bases_are_counted_without_n_and_headers(tmp_path):
    path = write_fasta(tmp_path / "g.fa", {"chr1": 1_000, "chr2": 333}, n_first=10)
    assert count_bases(path) == 990 + 323
    packed = tmp_path / "g.fa.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert count_bases(packed) == 990 + 323


def test_bases_of_the_real_region(real_data):
    # README of the data: chr22 at its full length, N outside 37,200,001-40,600,000.
    assert 3_390_000 < count_bases(real_data / "k562_chr22" / "chr22.fa") <= 3_400_000
