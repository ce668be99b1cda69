"""What is loaded: files by content, chromosomes, cell types."""

import pandas as pd
import streamlit as st

from pages.parts import resources
from pages.parts.models_table import Column, table
from pages.parts.numbers import number
from pages.parts.waiting import explain_failure, watch
from seq2exp.datasets import contents
from seq2exp.datasets.catalog import Dataset

#: A data set whose files were read before is known within this time, and no bar has to flash.
_AT_ONCE_SECONDS = 1.0

_FILES = {
    "file": Column("File", "what it is for", pinned=True),
    "cell": Column("Cell type", "“all”: shared by all cell types"),
    "name": Column("Name"),
    "bytes": Column("Bytes", "size", "localized"),
    "short": Column("Sha256", "the first 12 of 64 digits; the CSV has all"),
    "path": Column("Path", "on the computer that the app runs on"),
}
_CELLS = {
    "cell": Column("Cell type", pinned=True),
    "from": Column("From", "the data set, or added to it here"),
    "contact": Column("Contact", "where the third signal comes from"),
    "peaks": Column("Peaks", "where the Browser's peaks come from"),
    "expression": Column("Expression", "unit of the measured expression"),
    "measured": Column("Genes measured", "genes of the annotation that have a value", "localized"),
    "share": Column("of all genes", "share of the annotation's genes", "percent"),
    "features": Column(
        "Features", "known of the nine RNA and promoter features; others count as 0"
    ),
    "tested": Column("CRISPRi", "whether tested element-gene pairs are there"),
}
_CHROMOSOMES = {
    "chrom": Column("Chromosome", pinned=True),
    "length": Column("Length (bp)", "as in the FASTA", "localized"),
    "genes": Column("Genes", "of the annotation", "localized"),
    "split": Column("Split", "what models may use it for"),
    "signals": Column("Signals", "cell types whose DNase and H3K27ac files have the chromosome"),
}


def known_files(dataset: Dataset) -> pd.DataFrame | None:
    """Return the files with their digests if they are known by now; else show how far it is."""
    paths = dataset.spec.files()
    stats = tuple(
        (key, path.stat().st_size, path.stat().st_mtime_ns) for key, path in paths.items()
    )
    board = resources.boards()["data"]
    job = board.start(
        ("files", str(dataset.spec.path), stats),
        lambda progress: contents.files_frame(dataset, progress),
    )
    if not job.wait(_AT_ONCE_SECONDS):
        st.caption(
            "Every file is read once, so that results can be kept by what it holds, whatever it is "
            "called."
        )
        watch(job, "Reading the files", "files")
        return None
    if job.state != "done":
        explain_failure(board, job, "Reading the files", "files")
        return None
    return job.result


@st.cache_data(max_entries=4, show_spinner="Counting genes …")
def _counted(digest: str, _dataset: Dataset) -> tuple[int, int, pd.DataFrame, pd.DataFrame]:
    """Return genes, those with a whole window, chromosomes and cell types."""
    return (
        *contents.count_genes(_dataset),
        contents.chromosomes_frame(_dataset),
        contents.cells_frame(_dataset),
    )


def loaded(dataset: Dataset, files: pd.DataFrame) -> None:
    """Show the data set in numbers, and tables of its files, cell types and chromosomes."""
    genes, whole, chromosomes, cells = _counted(dataset.digest, dataset)
    row = st.container(horizontal=True)
    number(
        row,
        "Assembly",
        dataset.assembly,
        f"{len(dataset.lengths):,} lengths compared",
        "As the data set names it. Every signal and contact map has the FASTA's length of each "
        "chromosome that both have; a file of another assembly is refused when the data set opens.",
    )
    number(
        row,
        "Genes",
        f"{genes:,}",
        f"{whole:,} with a whole window",
        "Genes of the annotation, and those whose 200,000 bp around the TSS lie on the chromosome "
        "fully; the others' windows are padded.",
    )
    with_genes = int((chromosomes["genes"] > 0).sum())
    number(
        row,
        "Chromosomes",
        f"{len(chromosomes):,}",
        f"{with_genes:,} with genes",
        "Sequences of the FASTA file, and how many of them have a gene of the annotation.",
    )
    number(
        row,
        "Cell types",
        f"{len(cells):,}",
        f"{int(cells['added'].sum()):,} added here",
        "Cell types that can be opened in the Browser.",
    )
    number(
        row,
        "Files",
        f"{len(files):,}",
        f"{files['bytes'].sum() / 1e6:,.1f} MB",
        "Files of the data set and of the cell types added to it.",
    )
    st.caption(
        f"Digest `{dataset.digest[:12]}…`: results, sessions and models name the data they were "
        "made of by this sha256. It changes with any file's content and with the cell types, not "
        "with where files lie."
    )
    st.subheader("Cell types", anchor="cell-types")
    table(
        cells.assign(
            **{
                "from": ["added" if flag else "data set" for flag in cells["added"]],
                "tested": ["yes" if flag else "no" for flag in cells["crispri"]],
                "expression": cells["expression"].replace("", "none"),
            }
        ),
        f"One row a cell type. Shares are of the {genes:,} genes of the annotation.",
        "cell-types",
        _CELLS,
        cells,
    )
    st.subheader("Files", anchor="files")
    table(
        files.assign(
            short=[text[:12] or "a folder" for text in files["digest"]],
        ),
        "One row a file, named by what it holds: two files with the same sha256 are the same.",
        "files",
        _FILES,
        files,
    )
    st.subheader("Chromosomes", anchor="chromosomes")
    names = list(dataset.cells)
    there = chromosomes[names].sum(axis=1)
    table(
        chromosomes.assign(
            signals=[f"{count} of {len(names)}" for count in there],
            split=chromosomes["split"].replace("", "none given"),
        ),
        "One row a chromosome of the genome, in the order of the FASTA file.",
        "chromosomes",
        _CHROMOSOMES,
        chromosomes,
    )
