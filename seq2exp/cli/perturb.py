"""``seq2exp delete`` and ``seq2exp variant``: in-silico experiments as TSV or JSON."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    import pandas as pd

    from seq2exp.analysis.compare.sets import IntervalSet
    from seq2exp.analysis.deletion import Target
    from seq2exp.cli.groups import OpenMask
    from seq2exp.datasets.catalog import Dataset
    from seq2exp.genome.annotation import Gene
    from seq2exp.genome.window import Window
    from seq2exp.inference.perturb import Experiment


@grouped
def delete(
    genes: Genes,
    data: Data,
    mask: Mask,
    called: Elements,
    calling: Peaks,
    elements: Annotated[
        bool, typer.Option("--elements", help="Delete learned elements (the default).")
    ] = False,
    peaks: Annotated[bool, typer.Option("--peaks", help="Delete peaks.")] = False,
    spans: Annotated[
        Path | None, typer.Option(metavar="FILE.bed", help="Delete the intervals of a BED file.")
    ] = None,
    tile: Annotated[
        int | None, typer.Option(metavar="BP", help="Delete tiles of this width.")
    ] = None,
    step: Annotated[
        int | None, typer.Option(metavar="BP", help="From tile to tile; default: the width.")
    ] = None,
    neutralise: Annotated[
        bool,
        typer.Option(
            "--neutralise", help="Also make bases N, DNase and H3K27ac 0; the mask is made anew."
        ),
    ] = False,
    tsv: Tsv = None,
    json_file: Json = None,
) -> None:
    """Delete elements in silico and rank them by what that does to the predicted expression."""
    import pandas as pd

    from seq2exp.analysis.answer import UNIT, find_elements
    from seq2exp.analysis.compare.genes import find_genes
    from seq2exp.analysis.deletion import UNITS, element_targets, interval_targets, tiles
    from seq2exp.analysis.deletion import delete as run
    from seq2exp.inference.perturb import Experiment

    tsv = _table(tsv, json_file)
    if step is not None and tile is None:
        raise InputError("A --step is from tile to tile; give --tile, too.")
    called.check()
    names = genes.names
    opened, tracks = data.open()
    chosen = find_genes(opened, names)
    given = None if spans is None else _spans(spans, opened, chosen)
    read = mask.open()
    found_peaks = source = None
    if peaks:
        caller, parameters = calling.open(opened, tracks)
        with progress() as report:
            found_peaks = caller.peaks(parameters, progress=report)
        source = caller.describe(parameters)

    outside: dict[str, int] = {}

    def targets(
        gene: "Gene", experiment: "Experiment", window: "Window"
    ) -> "dict[str, list[Target]]":
        found: dict[str, list[Target]] = {}
        if elements or not (peaks or given is not None or tile is not None):
            posterior = experiment.reference().posterior
            found["element"] = element_targets(
                find_elements(
                    window,
                    posterior,
                    read.rule,
                    opened.lengths,
                    called.min_length,
                    called.merge_gap,
                    called.keep_promoter,
                )
            )
        if found_peaks is not None:
            found["peak"] = interval_targets(found_peaks, window, "peak")
        if given is not None:
            found["span"] = interval_targets(given.frame, window)
            outside[gene.name] = len(given.frame) + given.left_out - len(found["span"])
        if tile is not None:
            found["tile"] = tiles(window, tile, step)
        return found

    frames, about = [], []
    with progress() as report:
        for i, gene in enumerate(chosen):
            window = opened.window(gene, tracks.name)
            experiment = Experiment(read.predictor, window, read.rule, read.prior)
            kinds = targets(gene, experiment, window)
            deleted = run(
                experiment,
                [target for listed in kinds.values() for target in listed],
                neutralise=neutralise,
                progress=_of_gene(report, i, len(chosen), gene.name),
            )
            frame = deleted.frame
            frame.insert(0, "gene", gene.name)
            frame.insert(1, "of", [kind for kind, listed in kinds.items() for _ in listed])
            frames.append(frame.sort_values("rank"))
            left = outside.get(gene.name, 0)
            lost = [f"{left} of the spans of {spans} lie outside this window."] if left else []
            about.append(
                {
                    **{"gene": gene.name, "gene_id": gene.id},
                    **{"reference": deleted.reference, "measured": window.label},
                    **{"targets": len(frame), "seconds": deleted.seconds},
                    "notes": [*window.notes, *lost, *deleted.notes],
                }
            )
    table = pd.concat(frames, ignore_index=True)
    said = {
        **_said(opened, tracks.name, read),
        **{"mask": read.values(), "unit": UNIT},
        **{"neutralised": neutralise, "peaks": source},
        **{"genes": about, "deletions": records(table)},
    }
    _write(table, {**UNITS, "gene": "", "of": ""}, said, tsv, json_file)


@grouped
def variant(
    data: Data,
    mask: Mask,
    gene: Annotated[str, typer.Argument(help="Symbol or Ensembl id; '-' reads them from stdin.")],
    variants: Annotated[
        list[str] | None,
        typer.Argument(metavar="VARIANT...", help="As 'chr22:39,319,000 A>G', 1-based."),
    ] = None,
    vcf: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A VCF, plain or gzipped.")
    ] = None,
    tsv: Tsv = None,
    json_file: Json = None,
) -> None:
    """Predict what substitutions do to a gene's expression and to the mask around them."""
    import pandas as pd

    from seq2exp.analysis.answer import UNIT
    from seq2exp.analysis.compare.genes import find_genes
    from seq2exp.analysis.variant_effect import UNITS, variant_effects
    from seq2exp.analysis.variants import parse_variant, read_vcf
    from seq2exp.inference.perturb import Experiment

    tsv = _table(tsv, json_file)
    names = Genes([gene]).names
    opened, tracks = data.open()
    asked = [parse_variant(text, opened.lengths) for text in variants or []]
    listed, refused = ([], []) if vcf is None else read_vcf(vcf, opened.lengths, opened.genome)
    asked += listed
    if not asked:
        why = f" of {vcf} can be tested: {refused[0].reason}" if refused else " is given"
        raise InputError(f"No variant{why}; write one as 'chr22:39,319,000 A>G', or give --vcf.")
    chosen = find_genes(opened, names)
    read = mask.open()
    frames, about = [], []
    with progress() as report:
        for i, one in enumerate(chosen):
            window = opened.window(one, tracks.name)
            found = variant_effects(
                Experiment(read.predictor, window, read.rule, read.prior),
                asked,
                opened.genome,
                _of_gene(report, i, len(chosen), one.name),
            )
            found.frame.insert(0, "gene", one.name)
            frames.append(found.frame)
            known = bool(found.masks)
            about.append(
                {
                    **{"gene": one.name, "gene_id": one.id},
                    **{"reference": found.reference if known else None, "measured": window.label},
                    "notes": [*window.notes, *found.notes],
                }
            )
    table = pd.concat(frames, ignore_index=True)
    said = {
        **_said(opened, tracks.name, read),
        **{"mask": read.values(), "unit": UNIT},
        **{"genes": about, "variants": records(table)},
        "refused": [one._asdict() for one in refused],
    }
    _write(table, {**UNITS, "gene": ""}, said, tsv, json_file)


def _spans(path: Path, dataset: "Dataset", genes: "Sequence[Gene]") -> "IntervalSet":
    """Read the intervals of a BED file, of which one at least lies in a gene's window."""
    from seq2exp.analysis.compare.sets import read_intervals
    from seq2exp.genome.locus import Interval

    given = read_intervals(path, "spans", dataset.lengths)
    frame = given.frame
    if frame.empty:
        raise InputError(f"{path} has no interval; give a BED file with at least one.")
    windows = [dataset.window_interval(gene) for gene in genes]
    spans = zip(frame["chrom"], frame["start"], frame["end"], strict=True)
    if not any(Interval(*span).overlaps(window) for span in spans for window in windows):
        raise InputError(
            f"No interval of {path} lies in the window of a gene that is asked for; the first "
            f"window is {windows[0]}."
        )
    return given


def _of_gene(report: Any, number: int, count: int, name: str) -> Any:
    """Return the progress of one of several genes."""
    return lambda done, text: report((number + done) / count, f"{name}: {text}")


def _said(dataset: "Dataset", cell: str, read: "OpenMask") -> dict[str, Any]:
    """Return what the answer is of, for JSON."""
    return {
        **{"dataset": dataset.name, "simulated": dataset.simulated, "cell": cell},
        **{"model": read.predictor.model_id, "notes": read.notes(dataset)},
    }


def _table(tsv: str | None, json_file: str | None) -> str | None:
    """Return where the table goes, stdout where nothing is asked for, if both can be written."""
    tsv = "-" if tsv is None and json_file is None else tsv
    check_outputs({"--tsv": tsv, "--json": json_file})
    return tsv


def _write(
    table: "pd.DataFrame",
    units: dict[str, str],
    said: dict[str, Any],
    tsv: str | None,
    json_file: str | None,
) -> None:
    """Write the table, with what has to be known to read it above it, and JSON.

    Notes on a table are told on stderr, too, as whoever pipes it on may not look at its head.
    """
    from seq2exp.export.tables import write_tsv

    refused = said.get("refused", ())
    notes = list(said["notes"])
    for one in refused:
        notes.append(f"{one['variant']} (line {one['line']}) was left out: {one['reason']}")
    for gene in said["genes"]:
        notes += [f"{gene['gene']}: {note}" for note in gene["notes"]]
    head = {
        "data set": said["dataset"] + (" (simulated)" if said["simulated"] else ""),
        **{"cell type": said["cell"], "model": said["model"]},
        "mask": ", ".join(f"{name} {value}" for name, value in said["mask"].items()),
        **{f"note {i}": note for i, note in enumerate(notes, start=1)},
    }
    texts = {"--tsv": (tsv, write_tsv(table, units, head)), "--json": (json_file, to_json(said))}
    write_all(texts)
    for note in notes if tsv is not None else ():
        print(f"seq2exp: {note}", file=sys.stderr)
