"""Variants as they are written and as VCFs have them, against records worked out by hand."""

import gzip

import pytest

from seq2exp.analysis.variants import Variant, check_reference, parse_variant, parse_vcf, read_vcf
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.tracks.sequence import Genome

LENGTHS = {"chr1": 1_000, "chr22": 50_818_468}


@pytest.mark.parametrize(
    ("text", "chrom", "start", "reference", "alternative"),
    [
        ("chr22:39,319,000 A>G", "chr22", 39_318_999, "A", "G"),
        ("22:39319000A>G", "chr22", 39_318_999, "A", "G"),
        ("  chr22 : 39_319_000   a > g ", "chr22", 39_318_999, "A", "G"),
        ("22:39319000:A:G", "chr22", 39_318_999, "A", "G"),
        ("chr1:1 T>C", "chr1", 0, "T", "C"),
        ("chr1:1,000 T>C", "chr1", 999, "T", "C"),
        ("chr1:998 ACG>TCA", "chr1", 997, "ACG", "TCA"),
        ("chr1:998 ACG>ATG", "chr1", 998, "C", "T"),  # what both share is left out
    ],
)
def test_what_people_write(text, chrom, start, reference, alternative):
    found = parse_variant(text, LENGTHS)
    place = Interval(chrom, start, start + len(reference))
    assert (found.interval, found.reference, found.alternative) == (place, reference, alternative)
    assert str(found) == found.name == f"{chrom}:{start + 1:,} {reference}>{alternative}"
    assert parse_variant(str(found), LENGTHS) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rs12345", "an id of a database"),
        ("chr22:39,319,000", "is not a variant; write it as chr22:39,319,000 A>G"),
        ("A>G", "is not a variant"),
        ("chr22:39,319,000 A>", "is not a variant"),
        ("chr22:39,319,000 A>A", "both alleles are the same"),
        ("chr22:39,319,000 A>AG", "an insertion, and coordinates"),
        ("chr22:39,319,000 AG>A", "a deletion, and coordinates"),
        ("chr22:39,319,000 A><DEL>", "allele '<DEL>'"),
        ("chr22:39,319,000 A>G,T", "allele 'G,T'"),
        ("chr22:39,319,000 N>G", "reference allele 'N'"),
        ("chr22:0 A>G", "lies off chr22"),
        ("chr1:1,001 A>G", "lies off chr1, which ends at 1,000"),
        ("chr1:1,000 AC>GT", "lies off chr1"),
        ("chr9:5 A>G", "no chromosome 'chr9'"),
    ],
)
def test_what_cannot_be_tested_is_refused_in_a_sentence(text, said):
    with pytest.raises(InputError, match=said) as error:
        parse_variant(text, LENGTHS)
    assert "\n" not in str(error.value)


VCF = (
    "##fileformat=VCFv4.2\n"
    '##INFO=<ID=AF,Number=A,Type=Float,Description="frequency">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
    "22\t39319000\trs1\tA\tG\t50\tPASS\tAF=0.1\tGT\t0/1\n"
    "22\t100\t.\tc\tT,a\t.\t.\t.\tGT\t1/2\n"
    "chr22\t200\trs2\tG\tA,GT\t.\t.\t.\tGT\t0/0\n"
    "22\t300\trs3\tCA\tC\t.\t.\t.\tGT\t0/0\n"
    "22\t400\trs4\tCA\tCG,TT\t.\t.\t.\tGT\t0/0\n"
    "\n"
    "22\t500\trs5\tT\t<DEL>\t.\t.\tEND=600\tGT\t0/1\n"
    "22\t600\trs6\tT\t*\t.\t.\t.\tGT\t0/1\n"
    "22\t700\trs7\tT\t.\t.\t.\t.\tGT\t0/0\n"
    "GL000220.1\t5\trs8\tA\tC\t.\t.\t.\tGT\t0/0\n"
)
KNOWN = [
    ("rs1", 39_318_999, "A", "G"),
    ("chr22:100 C>T", 99, "C", "T"),
    ("chr22:100 C>A", 99, "C", "A"),
    ("rs2:A", 199, "G", "A"),
    ("rs4:CG", 400, "A", "G"),  # the base both alleles begin with is left out
    ("rs4:TT", 399, "CA", "TT"),
]
REFUSED = [
    (6, "an insertion"),
    (7, "a deletion"),
    (10, "allele '<DEL>'"),
    (11, r"allele '*'"),
    (12, "no alternative"),
    (13, "no chromosome GL000220.1"),
]


def check(found):
    variants, refused = found
    for variant, (name, start, reference, alternative) in zip(variants, KNOWN, strict=True):
        place = Interval("chr22", start, start + len(reference))
        assert variant == Variant(place, reference, alternative, name)
    for one, (line, reason) in zip(refused, REFUSED, strict=True):
        assert one.line == line and reason in one.reason


def test_a_vcf_against_its_records():
    check(parse_vcf(VCF, lengths=LENGTHS))


def test_a_vcf_from_a_file_plain_gzipped_and_in_blocks(tmp_path):
    (tmp_path / "a.vcf").write_text(VCF)
    (tmp_path / "b.vcf.gz").write_bytes(gzip.compress(VCF.encode()))
    half = len(VCF) // 2  # as bgzip writes it: one member after another
    blocks = b"".join(gzip.compress(part.encode()) for part in (VCF[:half], VCF[half:]))
    (tmp_path / "c.vcf.gz").write_bytes(blocks)
    (tmp_path / "d.vcf").write_bytes(VCF.replace("\n", "\r\n").encode())
    for name in ("a.vcf", "b.vcf.gz", "c.vcf.gz", "d.vcf"):
        check(read_vcf(tmp_path / name, LENGTHS))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chr1\t5\t.\tA\tG\n", "small.vcf is no VCF"),
        ("##fileformat=VCFv4.2\nchr1 5 . A G\n", "small.vcf, line 2: not CHROM, POS"),
        ("##fileformat=VCFv4.2\nchr1\t5\t.\tA\n", "line 2: not CHROM"),
        ("##fileformat=VCFv4.2\n\nchr1\t2000\t.\tA\tG\n", "line 3: .*lies off chr1"),
        ("##fileformat=VCFv4.2\nchr1\t0\t.\tA\tG\n", "line 2: .*lies off chr1"),
    ],
)
def test_what_is_no_vcf_is_refused_with_its_line(text, said):
    with pytest.raises(InputError, match=said):
        parse_vcf(text, "small.vcf", LENGTHS)


def test_a_position_that_is_no_number_costs_its_own_row_only():
    text = "##fileformat=VCFv4.2\nchr1\tfive\t.\ta\tG,T\nchr1\t5\t.\tA\tG\n"
    (kept,), (refused,) = parse_vcf(text, "small.vcf", LENGTHS)
    assert kept.interval == Interval("chr1", 4, 5)
    assert (refused.line, refused.variant) == (2, "chr1:five A>G,T")
    assert refused.reason == "its position is no number"


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.vcf does not exist"):
        read_vcf(tmp_path / "none.vcf")


def test_the_reference_allele_has_to_be_the_genomes(tmp_path):
    fasta = tmp_path / "small.fa"
    fasta.write_text(">chr1\nACGTacgtNN\n")
    genome = Genome(fasta)
    for text in ("chr1:1 A>G", "1:4 T>C", "chr1:5 AC>GT"):
        check_reference(parse_variant(text, genome.lengths), genome)
    with pytest.raises(InputError) as error:
        check_reference(parse_variant("chr1:2 A>G", genome.lengths), genome)
    said = str(error.value)
    assert "chr1:2 A>G: small.fa has C there, not A" in said and "\n" not in said
    with pytest.raises(InputError, match="has N there, not A"):
        check_reference(parse_variant("chr1:9 A>G", genome.lengths), genome)
    rows = [("chr1", 1, "right", "A", "G"), ("chr1", 2, "wrong", "A", "G,T")]
    lines = ["\t".join(map(str, row)) for row in rows]
    text = "\n".join(["##fileformat=VCFv4.3", *lines]) + "\n"
    good, refused = parse_vcf(text, "small.vcf", genome.lengths, genome)
    assert [one.name for one in good] == ["right"]
    assert [(one.line, one.variant) for one in refused] == [(3, "chr1:2 A>G"), (3, "chr1:2 A>T")]
    assert all(one.reason.startswith("small.fa has C there, not A") for one in refused)
