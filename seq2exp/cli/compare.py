"""``seq2exp compare``: learned elements beside peaks and other sets, over genes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seq2exp.cli.common import Json, check_outputs, plain, progress, to_json, write
from seq2exp.cli.groups import Data, Elements, Genes, Mask, Peaks, grouped
from seq2exp.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from seq2exp.analysis.compare.pooled import Comparison
    from seq2exp.analysis.compare.sets import IntervalSet
    from seq2exp.datasets.catalog import Cell, Dataset

CRISPRI = "CRISPRi"


@grouped
def compare(
    genes: Genes,
    data: Data,
    mask: Mask,
    elements: Elements,
    peaks: Peaks,
    every: Annotated[
        bool, typer.Option("--all", help="All genes of the data set, or all that filters leave.")
    ] = False,
    chrom: Annotated[
        list[str] | None, typer.Option(help="Filter: only this chromosome, once for each.")
    ] = None,
    min_expression: Annotated[
        float | None, typer.Option(help="Filter: least measured log10(x+1).")
    ] = None,
    max_expression: Annotated[
        float | None, typer.Option(help="Filter: greatest measured log10(x+1).")
    ] = None,
    min_error: Annotated[
        float | None, typer.Option(help="Filter: least |predicted - measured|, log10(x+1).")
    ] = None,
    max_error: Annotated[
        float | None, typer.Option(help="Filter: greatest |predicted - measured|, log10(x+1).")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For the error: predictions.parquet of 'evaluate'."),
    ] = None,
    predictions_model: Annotated[
        str | None, typer.Option(metavar="ID", help="Which model's, where there are several.")
    ] = None,
    min_overlap: Annotated[int, typer.Option(help="Smallest overlap that counts, in bp.")] = 1,
    min_fraction: Annotated[
        float, typer.Option(help="The same as a share of the interval, 0 to 1.")
    ] = 0.0,
    third: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            help="One more set, a BED file, once for each; 'CRISPRi' is the data set's own.",
        ),
    ] = None,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Sweep the mask's threshold and the peaks' q-value.")
    ] = False,
    shuffles: Annotated[
        int, typer.Option(help="Throw intervals at random so often, for the enrichment.")
    ] = 0,
    within: Annotated[Literal["window", "chromosome"], typer.Option(help="Where to.")] = "window",
    seed: Annotated[int, typer.Option(help="Of shuffles and resamples.")] = 0,
    tables: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write all tables into a new folder.")
    ] = None,
    table_format: Annotated[
        Literal["tsv", "parquet"], typer.Option("--format", help="Of these tables.")
    ] = "tsv",
    json_file: Json = None,
) -> None:
    """Compare learned elements with peaks: shared, learned-only and peak-only, over genes."""
    from seq2exp.analysis.compare.counts import Minimum
    from seq2exp.analysis.compare.gene import Comparer
    from seq2exp.analysis.compare.genes import (
        GeneFilter,
        filter_genes,
        find_genes,
        read_predictions,
    )
    from seq2exp.analysis.compare.run import compare_genes
    from seq2exp.analysis.compare.sets import PEAKS, IntervalSet
    from seq2exp.analysis.compare.settings import Settings
    from seq2exp.analysis.compare.sweeps import PeakSeries, RuleSeries

    # Wrong ones are refused before the long work.
    check_outputs({"--json": json_file})
    if tables is not None:
        _check_folder(tables)
    wanted = GeneFilter(
        tuple(chrom or ()), (min_expression, max_expression), (min_error, max_error)
    )
    minimum = Minimum(min_overlap, min_fraction)
    elements.check()
    Settings(minimum=minimum, shuffles=shuffles, seed=seed)
    listed = bool(genes.genes or genes.genes_file)
    filtered = every or wanted != GeneFilter()
    if listed == filtered:
        raise InputError("Name genes, or choose them by --all or a filter; one of the two.")
    names = genes.names
    opened, tracks = data.open()
    if listed:
        chosen = find_genes(opened, names)
    else:
        known = None
        if predictions is not None:
            known = read_predictions(predictions, tracks.name, predictions_model)
        chosen = filter_genes(opened, tracks, wanted, known)
    others = [_third(text, opened, tracks) for text in third or ()]
    read = mask.open()
    caller, parameters = peaks.open(opened, tracks)
    settings = Settings(
        min_length=elements.min_length,
        merge_gap=elements.merge_gap,
        minimum=minimum,
        keep_promoter=elements.keep_promoter,
        rules=RuleSeries.of(read.rule) if sweep else None,
        shuffles=shuffles,
        within=within,
        seed=seed,
    )
    with progress() as report:
        called = IntervalSet(PEAKS, caller.peaks(parameters, progress=report))
        series = None
        if sweep:
            series = PeakSeries.call(caller, parameters=parameters, progress=report)
        comparer = Comparer(opened, called, read.rule, settings, others, series)
        found = compare_genes(
            comparer, read.predictor, chosen, tracks.name, prior=read.prior, progress=report
        )
    said = {
        "dataset": opened.name,
        "simulated": opened.simulated,
        "cell": tracks.name,
        "model": read.predictor.model_id,
        "mask": read.values(),
        "peaks_source": caller.describe(parameters),
        "min_length": elements.min_length,
        "merge_gap": elements.merge_gap,
        "notes": read.notes(opened),
    }
    if tables is not None:
        _write_tables(found, tables, table_format)
    if json_file is None:
        _print(said, found)
    else:
        write(to_json({**said, **found.to_dict()}), json_file)


def _third(text: str, dataset: "Dataset", cell: "Cell") -> "IntervalSet":
    """Return the set that NAME=FILE names; CRISPRi alone is the cell type's own."""
    from seq2exp.analysis.compare.sets import crispri_set, read_intervals

    name, equals, file = text.partition("=")
    if not equals and name.lower() == CRISPRI.lower():
        return crispri_set(cell, dataset.lengths, CRISPRI)
    if not name or not file:
        raise InputError(f"--third {text} is not NAME=FILE; write for example cCRE=ccres.bed.")
    return read_intervals(file, name, dataset.lengths)


def _check_folder(tables: Path) -> None:
    """Refuse a folder of tables that is there already, or cannot be made."""
    if tables.exists() and (not tables.is_dir() or any(tables.iterdir())):
        raise InputError(f"{tables} is there already; name a new folder for the tables.")
    if not tables.absolute().parent.is_dir():
        raise InputError(f"Cannot write {tables}: its folder does not exist; make it first.")


def _write_tables(found: "Comparison", folder: Path, fmt: str) -> None:
    """Write all tables into a folder, all or none."""
    from seq2exp.analysis.compare.units import units_of
    from seq2exp.export.tables import write_table
    from seq2exp.files import atomic_path

    try:
        with atomic_path(folder) as draft:
            draft.mkdir()
            for name, table in found.tables().items():
                content = write_table(table, fmt, units_of(name, table))
                (draft / f"{name}.{fmt}").write_bytes(content)
    except OSError as error:
        raise InputError(
            f"Cannot write {folder} ({error.strerror}); choose another folder."
        ) from None


def _print(said: dict[str, Any], found: "Comparison") -> None:
    """Print a comparison for people."""
    from rich.console import Console
    from rich.table import Table

    from seq2exp.analysis.compare.genomic import CLASSES
    from seq2exp.analysis.compare.rows import GROUPS, QUANTITIES, SHARED

    console = Console(highlight=False)
    mask = said["mask"]
    lines = {
        "Genes": f"{len(found.found):,} in {said['cell']}, {said['dataset']}",
        "Model": f"{said['model']}, mask {mask['mode']}, prior mean {mask['prior_mean']:.3g}",
        "Peaks": said["peaks_source"],
    }
    if said["simulated"]:
        lines["Data"] = "simulated"
    grid = Table.grid(padding=(0, 2))
    for heading, text in lines.items():
        grid.add_row(f"[bold]{heading}[/bold]", plain(text))
    console.print(grid)
    for sentence in found.sentences():
        console.print(plain(f"{sentence[0].upper()}{sentence[1:]}."))
    classes, genomic = found.classes, found.genomic
    names = (f"{kind} ({name})" if kind == SHARED else kind for name, kind in GROUPS)
    table = _table("Medians", *names)
    table.add_row("intervals", *(f"{n:,}" for n in _of_groups(classes, "n", "quantity", "length")))
    for quantity, (unit, _) in QUANTITIES.items():
        values = _of_groups(classes, "median", "quantity", quantity)
        short = unit.removesuffix("'s unit")
        table.add_row(f"{quantity}, {short}", *map(_short, values))
    for kind in CLASSES:
        values = _of_groups(genomic, "share", "genomic", kind)
        table.add_row(f"share in {kind}", *map(_short, values))
    console.print(table)
    if found.comparer.others:
        table = _table("Sets", "regions", "bp")
        for row in found.combinations.itertuples(index=False):
            table.add_row(plain(row.combination), f"{row.regions:,}", f"{row.bp:,}")
        console.print(table)
    curves = found.curves.groupby("parameter", sort=False) if len(found.curves) else ()
    for parameter, part in curves:
        shares = ("of bp", "Jaccard", "precision", "recall")
        table = _table(parameter.split()[-1], "learned", "of bp", "peaks", *shares)
        for row in part.itertuples(index=False):
            table.add_row(
                f"{row.value:g}",
                *(f"{row.learned:,}", _short(row.learned_ratio)),
                *(f"{row.peaks:,}", _short(row.peaks_ratio)),
                *map(_short, (row.jaccard, row.precision, row.recall)),
            )
        console.print(table)
    for gene, why in found.left_out:
        console.print(f"Left out: {plain(gene.name)}: {plain(why)}")
    for note in said["notes"]:
        console.print(f"Note: {plain(note)}")


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table(*columns)
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _of_groups(frame: "pd.DataFrame", column: str, by: str, value: str) -> list[Any]:
    return frame.loc[frame[by] == value, column].tolist()


def _short(value: float | None) -> str:
    """Write a number for reading; "-" where it is not defined."""
    if value is None or value != value:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"
