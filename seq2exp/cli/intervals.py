"""``seq2exp elements`` and ``seq2exp peaks``: intervals of genes as TSV, JSON or BED."""

from typing import Annotated

import typer

from seq2exp.cli.common import (
    Json,
    Tsv,
    check_outputs,
    progress,
    records,
    to_json,
    write_all,
)
from seq2exp.cli.groups import Data, Elements, Genes, Mask, Peaks, grouped
from seq2exp.errors import InputError

Bed = Annotated[
    str | None, typer.Option("--bed", metavar="FILE", help="Write BED9; '-' is stdout.")
]
NarrowPeak = Annotated[
    str | None,
    typer.Option("--narrowpeak", metavar="FILE", help="Write narrowPeak; '-' is stdout."),
]


@grouped
def elements(
    genes: Genes,
    data: Data,
    mask: Mask,
    called: Elements,
    tsv: Tsv = None,
    bed: Bed = None,
    json_file: Json = None,
) -> None:
    """List the learned elements of genes; without --tsv, --bed or --json as a table on stdout."""
    import pandas as pd

    from seq2exp.analysis.answer import find_elements
    from seq2exp.analysis.compare.genes import find_genes
    from seq2exp.analysis.compare.spans import on_chromosome
    from seq2exp.analysis.elements import elements_frame
    from seq2exp.export.bed import write_bed9
    from seq2exp.export.tables import of_gene, write_tsv

    tsv = _default(tsv, bed, json_file)
    check_outputs({"--tsv": tsv, "--bed": bed, "--json": json_file})
    called.check()
    names = genes.names
    opened, tracks = data.open()
    chosen = find_genes(opened, names)
    read = mask.open()
    predictor, rule, tilt = read.predictor, read.rule, read.prior
    frames, about = [], []
    with progress() as report:
        for i, gene in enumerate(chosen):
            report(i / len(chosen), f"{gene.name}: gene {i + 1:,} of {len(chosen):,}")
            window = opened.window(gene, tracks.name)
            posterior = predictor.posterior(window)
            posterior = posterior if tilt is None else posterior.retilt(tilt)
            found = find_elements(
                window,
                posterior,
                rule,
                opened.lengths,
                called.min_length,
                called.merge_gap,
                called.keep_promoter,
            )
            frames.append(of_gene(elements_frame(found), gene, tracks.name))
            place = on_chromosome(window)
            about.append(
                {
                    "gene": gene.name,
                    "gene_id": gene.id,
                    "region": str(place),
                    "chrom": place.chrom,
                    "start": place.start,
                    "end": place.end,
                    "length": window.length,
                    "mask_ratio": float(rule.mask(posterior).mean(dtype="float64")),
                    "elements": len(found),
                    "notes": list(window.notes),
                }
            )
    table = pd.concat(frames, ignore_index=True)
    said = {
        "dataset": opened.name,
        "simulated": opened.simulated,
        "cell": tracks.name,
        "model": predictor.model_id,
        "mask": read.values(),
        "min_length": called.min_length,
        "merge_gap": called.merge_gap,
        "promoter": "kept" if called.keep_promoter else "left out",
        "notes": read.notes(opened),
    }
    label = f"{'simulated data, ' if opened.simulated else ''}{predictor.model_id}, {tracks.name}"
    names_in_bed = table["gene"] + "_" + table["name"]
    outputs = {
        "--tsv": (tsv, write_tsv(table)),
        "--bed": (
            bed,
            write_bed9(table.assign(name=names_in_bed), "learned elements", label),
        ),
        "--json": (json_file, to_json({**said, "genes": about, "elements": records(table)})),
    }
    write_all(outputs)


@grouped
def peaks(
    genes: Genes,
    data: Data,
    asked: Peaks,
    tsv: Tsv = None,
    narrowpeak: NarrowPeak = None,
    json_file: Json = None,
) -> None:
    """List the peaks in the windows of genes, or all of a cell type where no gene is named.

    A peak in the windows of several genes is listed for each, but once as narrowPeak.
    """
    import pandas as pd

    from seq2exp.analysis.compare.genes import find_genes
    from seq2exp.analysis.compare.sets import PEAKS, IntervalSet
    from seq2exp.export.bed import write_narrowpeak
    from seq2exp.export.tables import of_gene, regions, write_tsv

    tsv = _default(tsv, narrowpeak, json_file)
    check_outputs({"--tsv": tsv, "--narrowpeak": narrowpeak, "--json": json_file})
    names = genes.names
    if not names and (genes.genes or genes.genes_file):
        raise InputError("The list of genes is empty; give symbols or Ensembl ids.")
    opened, tracks = data.open()
    chosen = find_genes(opened, names) if names else []
    caller, parameters = asked.open(opened, tracks)
    with progress() as report:
        everything = caller.peaks(parameters, progress=report)
    source = caller.describe(parameters)
    if chosen:
        called = IntervalSet(PEAKS, everything)
        windows = [opened.window_interval(gene) for gene in chosen]
        found = [called.near(window) for window in windows]
        parts = [of_gene(part, gene, tracks.name) for part, gene in zip(found, chosen, strict=True)]
        table = pd.concat(parts, ignore_index=True)
        once = everything.loc[sorted({i for part in found for i in part.index})]
    else:
        once, table = everything, everything.assign(region=regions(everything))
    said = {
        "dataset": opened.name,
        "simulated": opened.simulated,
        "cell": tracks.name,
        "source": source,
        "genes": [gene.name for gene in chosen],
    }
    outputs = {
        "--tsv": (tsv, write_tsv(table)),
        "--narrowpeak": (narrowpeak, write_narrowpeak(once, opened.lengths)),
        "--json": (json_file, to_json({**said, "peaks": records(table)})),
    }
    write_all(outputs)


def _default(tsv: str | None, *others: str | None) -> str | None:
    """Return where the table goes: to stdout where nothing else is asked for."""
    return "-" if tsv is None and all(other is None for other in others) else tsv
