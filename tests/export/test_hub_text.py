"""Names and labels of a hub, as UCSC wants them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2exp.export.hub_text import (
    LONG,
    SHORT,
    Track,
    Unique,
    database,
    database_chrom,
    file_name,
    identifier,
    label,
    short_label,
    stanza,
)


@pytest.mark.parametrize(
    ("assembly", "name"),
    [
        ("hg38", "hg38"),
        ("GRCh38", "hg38"),
        ("GRCh37", "hg19"),
        ("mm10", "mm10"),
        ("danrer11", "danRer11"),
        ("sim1", None),
        ("my assembly", None),
    ],
)
def test_assemblies(assembly, name):
    assert database(assembly) == name
    assert database(assembly, simulated=True) is None


@pytest.mark.parametrize(
    ("chrom", "name"),
    [("22", "chr22"), ("X", "chrX"), ("MT", "chrM"), ("chr1", "chr1"), ("KI270728.1",) * 2],
)
def test_chromosomes_of_ucsc(chrom, name):
    assert database_chrom(chrom) == name


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Seq2Exp: Simulated demo", "Seq2Exp"),
        ("NPTXR", "NPTXR"),
        ("q ≤ 0.05", "q <= 0.05"),
        ("ENSG00000100316.17.long", "ENSG00000100316.1"),
        ("a\nb\t c", "a b c"),
        ("näher", "n her"),
        ("", "-"),
        ("日本", "-"),
    ],
)
def test_labels_are_cut_between_words(text, cut):
    assert label(text, SHORT) == cut


@given(st.text(), st.sampled_from([SHORT, LONG]))
def test_labels_are_short_plain_lines(text, most):
    made = label(text, most)
    assert 0 < len(made) <= most
    assert made.isascii() and made.isprintable() and made == made.strip()


@given(st.text(), st.sampled_from(["elements", "mask", "upper"]))
def test_short_labels_end_in_what_it_is(name, what):
    made = short_label(what, name)
    assert made.endswith(what) and 0 < len(made) <= SHORT and made.isascii()


@given(st.lists(st.text(), max_size=6))
def test_names_are_legal_and_unique(texts):
    unique = Unique()
    names = [unique(identifier(text)) for text in texts]
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) for name in names)
    assert len({name.lower() for name in names}) == len(names)
    files = [file_name(text) for text in texts]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in files)


def test_names_that_differ_by_case_alone_stay_apart():
    unique = Unique()
    assert [unique(name) for name in ("a", "A", "a", "a_2")] == ["a", "A_2", "a_3", "a_2_2"]


def test_a_value_is_one_line():
    assert stanza({"track": "a", "longLabel": "b\nbigDataUrl /etc"}) == (
        "track a\nlongLabel b bigDataUrl /etc\n"
    )
    text = Track("a", "s", "l\ntype bigBed 3", "bigWig", "a.bw", "p", {"color": "1,2,3"}).text
    assert [line.split()[0] for line in text.splitlines()] == (
        ["track", "parent", "shortLabel", "longLabel", "type", "bigDataUrl", "color"]
    )
