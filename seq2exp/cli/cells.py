"""``seq2exp data …``: what a data set holds, and adding one's own cell type to it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seq2exp.cli.common import (
    DatasetFile,
    Json,
    Root,
    check_outputs,
    dataset_path,
    plain,
    progress,
    records,
    to_json,
    write,
)
from seq2exp.cli.groups import Group, grouped
from seq2exp.errors import InputError

if TYPE_CHECKING:
    from seq2exp.datasets.adding import Given, Report, Store
    from seq2exp.datasets.catalog import Dataset

app = typer.Typer(
    name="data",
    help="What a data set holds; check, add and remove a cell type of your own.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the cell type is called.")]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A YAML that keeps the added cell types; default: the app's own for this data set, "
        "so that the app shows them, too.",
    ),
]


def _file(what: str) -> Any:
    return typer.Option(metavar="FILE|URL", help=what)


@dataclass(frozen=True)
class Files(Group):
    """The files of a cell type."""

    dnase: Annotated[str, _file("DNase signal, a bigWig.")]
    h3k27ac: Annotated[str, _file("H3K27ac signal, a bigWig.")]
    contact: Annotated[str, _file("Contact map: .hic, .cool or .mcool.")] = ""
    reads: Annotated[str, _file("DNase reads: BAM, or BED with strands.")] = ""
    peaks: Annotated[str, _file("DNase peaks: narrowPeak or BED.")] = ""
    expression: Annotated[str, _file("Expression table with a head line.")] = ""
    unit: Annotated[str, typer.Option(help="What expression is measured in, as CAGE.")] = ""
    gene_column: Annotated[
        str, typer.Option(metavar="NAME", help="Column of genes; default: found.")
    ] = ""
    value_column: Annotated[
        str, typer.Option(metavar="NAME", help="Column of expression; default: found.")
    ] = ""
    resolution: Annotated[int, typer.Option(metavar="BP", help="Bin size of the map.")] = 5000
    normalisation: Annotated[
        str, typer.Option(help="Of the map: VC, VC_SQRT, ICE, KR or none.")
    ] = "VC"

    def given(self) -> list[str]:
        """Return no words: these commands are not told again."""
        return []

    def named(self, name: str) -> "Given":
        """Return them as a cell type that is to be checked."""
        from seq2exp.datasets.adding import Given

        files = ("dnase", "h3k27ac", "contact", "reads", "peaks", "expression")
        return Given(
            name=name,
            **{role: _absolute(getattr(self, role)) for role in files},
            resolution=self.resolution,
            normalisation=self.normalisation,
            gene=self.gene_column,
            value=self.value_column,
            unit=self.unit,
        )


def _absolute(text: str) -> str:
    """Return a path from the root folder; addresses and nothing stay as they are."""
    from seq2exp.datasets.fetch import is_url

    return text if not text or is_url(text) else str(Path(text).expanduser().absolute())


@dataclass(frozen=True)
class Place(Group):
    """A data set, and where what is added to it is kept."""

    dataset: DatasetFile = "demo"
    root: Root = None
    out: Out = None

    def store(self) -> "Store":
        """Return where added cell types are kept."""
        from seq2exp.datasets.adding import Store

        base = dataset_path(self.dataset)
        if self.out is None:
            return Store.of(base, self.root)
        start = None if self.root is None else self.root.resolve()
        return Store(self.out.absolute(), base.resolve(), start)

    def open(self) -> "tuple[Dataset, Store]":
        """Open the data set with the cell types that were added before.

        Raises
        ------
        InputError
            For files that cannot be used.
        """
        from seq2exp.datasets.catalog import Dataset

        store = self.store()
        if store.tables():
            return Dataset.load(store.path), store
        return Dataset.load(store.base, root=self.root), store


def _examine(
    name: str, files: Files, place: Place, model: str | None
) -> "tuple[Report, Store, dict[str, Any]]":
    """Return what the checks say, where the cell type would be kept, and both for JSON."""
    from seq2exp.datasets.adding import examine

    dataset, store = place.open()
    card = None
    if model is not None:
        from seq2exp.inference.models import find_model
        from seq2exp.model.checkpoint import card_path, read_card

        card = read_card(card_path(find_model(model)))
    with progress() as report:
        found = examine(files.named(name), dataset, store, card, report)
    values = {"cell": name, "dataset": dataset.name, "digest": dataset.digest, **found.to_dict()}
    return found, store, values


def _say(report: "Report") -> None:
    """Print the checks as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("", "File", "Looked at", "What is so, and what to do", box=None)
    for check in report.checks:
        text = plain(f"{check.found} {check.fix}".strip())
        table.add_row(check.verdict, plain(check.file), plain(check.what), text)
    console = Console()
    console.print(table)
    if report.compared:
        console.print(plain(report.compared))


Model = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Compare signals with the training data of this model; default: with the data set's "
        "own cell types.",
    ),
]


@app.command()
@grouped
def check(
    name: Name, files: Files, place: Place, model: Model = None, json_file: Json = None
) -> None:
    """Check the files of a cell type; add nothing. Exit with 1 where it could not be added."""
    check_outputs({"--json": json_file})
    report, _, values = _examine(name, files, place, model)
    if json_file is None:
        _say(report)
    else:
        write(to_json(values), json_file)
    if not report.accepted:
        raise typer.Exit(1)


@app.command()
@grouped
def add(
    name: Name, files: Files, place: Place, model: Model = None, json_file: Json = None
) -> None:
    """Check the files of a cell type, add it, and print the YAML that opens it."""
    check_outputs({"--json": json_file})
    report, store, values = _examine(name, files, place, model)
    if report.spec is None:
        failed = next(check for check in report.checks if check.verdict == "fail")
        raise InputError(
            f"{name} was not added: {failed.file}, {failed.what.lower()}: {failed.found} "
            f"{failed.fix} ('seq2exp data check' lists all {report.count('fail')} failed checks.)"
        )
    store.add(report.spec)
    if json_file is None:
        _say(report)
        print(store.path)
    else:
        write(to_json({**values, "path": str(store.path)}), json_file)


@app.command()
@grouped
def remove(name: Name, place: Place) -> None:
    """Remove a cell type that was added, with the files that were kept for it alone."""
    store = place.store()
    store.remove(name)
    print(f"{name} was removed from {store.path}")


@app.command()
@grouped
def show(place: Place, json_file: Json = None) -> None:
    """List the files of a data set, its chromosomes and its cell types, the added ones too."""
    from rich.console import Console
    from rich.table import Table

    from seq2exp.datasets import contents

    check_outputs({"--json": json_file})
    dataset, _ = place.open()
    with progress() as report:
        files = contents.files_frame(dataset, report)
    genes, whole = contents.count_genes(dataset)
    cells, chromosomes = contents.cells_frame(dataset), contents.chromosomes_frame(dataset)
    if json_file is not None:
        values = {
            "dataset": dataset.name,
            "assembly": dataset.assembly,
            "simulated": dataset.simulated,
            "digest": dataset.digest,
            "path": str(dataset.spec.path),
            "genes": genes,
            "genes_with_whole_window": whole,
            "cells": records(cells),
            "files": records(files),
            "chromosomes": records(chromosomes),
        }
        write(to_json(values), json_file)
        return
    console = Console()
    console.print(plain(f"{dataset.name}, {dataset.assembly}, {dataset.digest[:12]}"))
    console.print(f"{genes:,} genes, {whole:,} of them with a whole window of 200,000 bp")
    for frame in (cells, files.drop(columns="path").assign(digest=files["digest"].str[:12])):
        table = Table(*(str(column) for column in frame), box=None)
        for row in frame.itertuples(index=False):
            table.add_row(*(plain(_text(value)) for value in row))
        console.print(table)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
