"""Genes from a GTF: the canonical transcript, names, places, and bad files."""

import gzip
from pathlib import Path

import bioframe
import numpy as np
import pytest

from seq2exp.errors import InputError
from seq2exp.genome.annotation import Annotation, without_version
from seq2exp.genome.locus import Interval


def line(feature: str, start: int, end: int, gene: str, transcript: str, **more: str) -> str:
    strand = more.pop("strand", "+")
    chrom = more.pop("chrom", "chr1")
    tags = more.pop("tags", "").split()
    text = f'gene_id "{gene}"; transcript_id "{transcript}"; '
    text += "".join(f'{key} "{value}"; ' for key, value in more.items())
    text += "".join(f'tag "{tag}"; ' for tag in tags)
    return f"{chrom}\tx\t{feature}\t{start}\t{end}\t.\t{strand}\t.\t{text}\n"


@pytest.fixture
def gtf(tmp_path: Path) -> Path:
    named = {"gene_name": "Alpha", "gene_type": "protein_coding"}
    minus = {"gene_name": "BETA", "strand": "-", "gene_biotype": "lncRNA"}
    a, b = "ENSG00000000001.7", "ENSG00000000002.1"
    text = "##description: made by hand\n\n" + "".join(
        [
            f'chr1\tx\tgene\t100\t900\t.\t+\t.\tgene_id "{a}";\n',
            # The longest is not canonical; Ensembl's choice yields to MANE Select.
            line("transcript", 100, 900, a, "long", **named),
            line("exon", 100, 900, a, "long", **named),
            line("exon", 301, 400, a, "mane", **named, tags="basic MANE_Select"),
            line("transcript", 201, 400, a, "mane", **named, tags="basic MANE_Select"),
            line("exon", 201, 250, a, "mane", **named, tags="basic MANE_Select"),
            line("CDS", 321, 380, a, "mane", **named, tags="basic MANE_Select"),
            line("CDS", 231, 250, a, "mane", **named, tags="basic MANE_Select"),
            line("transcript", 150, 400, a, "ens", **named, tags="Ensembl_canonical"),
            line("transcript", 500, 600, b, "short", **minus, tags="Ensembl_canonical"),
            line("transcript", 500, 800, b, "longer", **minus),
            line("transcript", 10, 20, "gamma", "only", chrom="chr2", strand="-"),
            line("transcript", 10, 30, "gamma", "twin", chrom="chr2", strand="-"),
        ]
    )
    path = tmp_path / "genes.gtf"
    path.write_text(text)
    return path


def test_genes_and_transcripts(gtf: Path) -> None:
    genes = Annotation.from_gtf(gtf).genes
    assert list(genes) == ["ENSG00000000001", "ENSG00000000002", "gamma"]
    alpha, beta, gamma = genes.values()
    assert (alpha.name, alpha.chrom, alpha.start, alpha.end) == ("Alpha", "chr1", 99, 900)
    assert (alpha.biotype, alpha.strand, beta.biotype) == ("protein_coding", "+", "lncRNA")
    mane = alpha.transcripts[0]
    assert (mane.id, mane.canonical, mane.start, mane.end) == ("mane", True, 200, 400)
    assert mane.exons == ((200, 250), (300, 400))
    assert mane.cds == (230, 380)
    assert [t.id for t in alpha.transcripts] == ["mane", "ens", "long"]
    assert [t.canonical for t in alpha.transcripts] == [True, False, False]
    assert alpha.transcripts[1].cds is None and alpha.transcripts[1].exons == ((149, 400),)
    assert alpha.tss == 200
    # On the minus strand transcription starts at the last base.
    assert (beta.transcripts[0].id, beta.tss) == ("short", 599)
    # Without tags the longest stands for the gene.
    assert (gamma.transcripts[0].id, gamma.tss, gamma.name) == ("twin", 29, "gamma")
    assert alpha.interval == Interval("chr1", 99, 900)


def test_distances_from_the_tss_count_along_the_gene(gtf: Path) -> None:
    alpha, beta, _ = Annotation.from_gtf(gtf).genes.values()
    for gene, upstream in ((alpha, -1), (beta, 1)):
        assert gene.from_tss(gene.tss + 50 * upstream) == -50
        assert gene.from_tss(np.array([gene.tss, gene.tss - upstream])).tolist() == [0, 1]


def test_gzip_is_read_alike(gtf: Path, tmp_path: Path) -> None:
    zipped = tmp_path / "genes.gtf.gz"
    zipped.write_bytes(gzip.compress(gtf.read_bytes()))
    assert Annotation.from_gtf(zipped).genes == Annotation.from_gtf(gtf).genes


@pytest.mark.parametrize(
    "text", ["alpha", "ALPHA ", "ENSG00000000001", "ENSG00000000001.12", "ensg00000000001"]
)
def test_find(gtf: Path, text: str) -> None:
    assert Annotation.from_gtf(gtf).find(text).name == "Alpha"


def test_unknown_gene_offers_the_nearest(gtf: Path) -> None:
    annotation = Annotation.from_gtf(gtf)
    with pytest.raises(InputError, match="no gene 'Alhpa' in this annotation; did you mean Alpha"):
        annotation.find("Alhpa")
    with pytest.raises(InputError, match="did you mean"):  # far from all, but not left alone
        annotation.find("QQQQQQ")
    assert annotation.suggest("be") == ["BETA"]
    assert annotation.suggest("ENSG0000000000", n=2) == ["ENSG00000000001", "ENSG00000000002"]
    assert annotation.suggest("") == []
    assert annotation.symbols() == ["Alpha", "BETA", "gamma"]


def test_overlapping(gtf: Path) -> None:
    annotation = Annotation.from_gtf(gtf)

    def names(chrom: str, start: int, end: int) -> list[str]:
        return [gene.name for gene in annotation.overlapping(Interval(chrom, start, end))]

    assert names("chr1", 0, 10_000) == ["Alpha", "BETA"]
    assert names("1", 850, 851) == ["Alpha"]
    assert names("chr1", 900, 10_000) == []
    assert names("chr1", 0, 99) == []
    assert names("chr1", 0, 100) == ["Alpha"]
    assert names("chr3", 0, 100) == []


def test_a_large_gtf_is_parsed_once(gtf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Annotation.from_gtf(gtf).genes
    monkeypatch.setattr("seq2exp.genome.annotation._REMEMBERED_BYTES", 1)
    assert Annotation.from_gtf(gtf).genes == expected

    def refuse(path: Path) -> None:
        raise AssertionError(f"{path} is parsed again")

    monkeypatch.setattr("seq2exp.genome.annotation._drafts", refuse)
    assert Annotation.from_gtf(gtf).genes == expected


def test_versions() -> None:
    assert without_version("ENSG00000100316.17") == "ENSG00000100316"
    assert without_version("ENSMUST00000100316.2") == "ENSMUST00000100316"
    assert without_version("ENSG00000002586.20_PAR_Y") == "ENSG00000002586_PAR_Y"
    assert without_version("SIMG00000100001.1") == "SIMG00000100001"
    # A dot is part of many other names.
    for name in ("RP11-34P13.7", "AC012345.1", "NM_001051.5"):
        assert without_version(name) == name


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no transcript, exon or CDS lines"),
        (b"chr1\t5\t10\n", "Line 1 of .* is not GTF"),
        (b'chr1\tx\texon\t5\t1\t.\t+\t.\tgene_id "a"; transcript_id "b";\n', "Line 1 .* needs"),
        (b'chr1\tx\texon\t5\t9\t.\t+\t.\tgene_id "a";\n', "needs a gene_id, a transcript_id"),
        (gzip.compress(b"#" * 100_000, mtime=0)[:60], "may be cut short"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.gtf.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        Annotation.from_gtf(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no annotation at .*nowhere\.gtf"):
        Annotation.from_gtf(tmp_path / "nowhere.gtf")


def test_real_gene_models_equal_bioframes(real_data: Path) -> None:
    path = real_data / "k562_chr22" / "genes.gtf.gz"
    table = bioframe.read_table(str(path), schema="gtf")
    annotation = Annotation.from_gtf(path)
    assert len(annotation.genes) == 68
    transcripts = table[table["feature"] == "transcript"]
    for row in transcripts.itertuples():
        name = row.attributes.split('gene_name "')[1].split('"')[0]
        gene = annotation.find(name)
        # bioframe leaves GTF's 1-based starts as they are.
        assert (gene.chrom, gene.start, gene.end) == (row.chrom, row.start - 1, row.end)
        mine = table[table["attributes"].str.contains(f'gene_name "{name}"', regex=False)]
        exons = mine[mine["feature"] == "exon"].sort_values("start")
        assert gene.transcripts[0].exons == tuple(
            zip(exons["start"] - 1, exons["end"], strict=True)
        )
        cds = mine[mine["feature"] == "CDS"]
        expected = (cds["start"].min() - 1, cds["end"].max()) if len(cds) else None
        assert gene.transcripts[0].cds == expected
