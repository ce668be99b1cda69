"""``seq2exp figure``, ``hub`` and ``report``: what is taken away of genes."""

import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2exp.cli.common import Json, check_outputs
from seq2exp.cli.groups import grouped
from seq2exp.cli.question import Opened, Question
from seq2exp.errors import InputError

if TYPE_CHECKING:
    from seq2exp.export.figure import FigureOptions
    from seq2exp.export.gene import GeneResult
    from seq2exp.genome.annotation import Gene
    from seq2exp.genome.locus import Interval

Region = Annotated[
    str | None,
    typer.Option(metavar="LOCUS", help="What the figure shows; default: the whole window."),
]
Tracks = Annotated[
    str | None,
    typer.Option(metavar="KEY,...", help="Rows from top to bottom, as genes,dnase,mask."),
]
Highlights = Annotated[
    list[str] | None,
    typer.Option(
        "--highlight",
        metavar="LOCUS[=#RRGGBB[=LABEL]]",
        help="A span to mark, once for each.",
    ),
]


@grouped
def figure(
    question: Question,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help=".svg, .pdf or .png; else a folder."),
    ],
    size: Annotated[
        str,
        typer.Option(metavar="MM", help="WIDTHxHEIGHT, or WIDTH and the height that rows need."),
    ] = "180",
    font: Annotated[float, typer.Option(metavar="PT", help="Font size.")] = 7.0,
    dpi: Annotated[int, typer.Option(help="Resolution of a PNG.")] = 300,
    tracks: Tracks = None,
    highlight: Highlights = None,
    title: Annotated[str | None, typer.Option(help="Default: gene and cell type.")] = None,
    region: Region = None,
    fmt: Annotated[str, typer.Option("--format", help="Of figures in a folder.")] = "svg",
    json_file: Json = None,
) -> None:
    """Draw publication figures of genes: SVG and PDF with editable text, or PNG."""
    from seq2exp.export.figure import format_of, gene_figure
    from seq2exp.export.gene import scene_of

    check_outputs({"--json": json_file})
    opened = question.open()
    targets = _targets(opened, out, (".svg", ".pdf", ".png"), fmt, json_file)
    fmt = format_of(targets[0])
    options = _options(opened, tracks, highlight, size, font, dpi)
    place = _place(opened, region)
    rows = []
    for result, target in zip(opened.results(), targets, strict=True):
        page = _titled(options, opened, result, title)
        shown = place or _whole(opened, result)
        _save(target, gene_figure(scene_of(result, opened.dataset), shown, fmt, page))
        rows.append(opened.facts(result, target) | {"format": fmt, "shown": str(shown)})
    opened.say(json_file, rows)


@grouped
def hub(
    question: Question,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="A folder, or a file named .zip."),
    ] = None,
    email: Annotated[str | None, typer.Option(help="Whom UCSC's users may ask.")] = None,
    url: Annotated[
        str, typer.Option(help="Where the folder will be served; igv.js needs to know.")
    ] = "",
    serve: Annotated[
        int | None,
        typer.Option(metavar="PORT", help="Serve it with byte ranges; 0 takes a free port."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to serve at.")] = "127.0.0.1",
    json_file: Json = None,
) -> None:
    """Write a track hub of genes for UCSC, IGV and JBrowse, with an IGV session."""
    from seq2exp.export.hub import EMAIL, SESSION, check_target, write_hub
    from seq2exp.export.serve import HubServer

    if out is None and serve is None:
        raise InputError("Name a folder or a .zip with --out, or give --serve PORT.")
    if serve is not None and out is not None and out.suffix.lower() == ".zip":
        raise InputError(f"{out} cannot be served as it is; name a folder with --out.")
    if out is not None:
        check_target(out)
        if json_file is not None and os.path.realpath(out) == os.path.realpath(json_file):
            raise InputError(f"--out and --json cannot both be {out}; name a file.")
    check_outputs({"--json": json_file})
    opened = question.open()
    with ExitStack() as stack:
        if out is None:
            out = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "hub"
        server = None
        if serve is not None:
            # Before the hub is written: the addresses in its session have the port.
            server = stack.enter_context(HubServer(out, serve, host))
            url = url or server.url
        rows = []

        def results() -> "Iterator[GeneResult]":
            for result in opened.results():
                rows.append(opened.facts(result, out))
                yield result

        written = write_hub(
            results(), opened.genes, opened.dataset, out, email=email or EMAIL, base_url=url
        )
        opened.say(
            json_file,
            rows,
            genome=written.genome,
            own_genome=written.own_genome,
            url=url or None,
            session=SESSION,
            tracks=[track.name for track in written.tracks],
            files=list(written.files),
            left_out=list(written.notes),
        )
        if server is not None:
            print(f"Serving {server.url}hub.txt until Ctrl-C", file=sys.stderr, flush=True)
            try:
                server.wait()
            except KeyboardInterrupt:
                return


@grouped
def report(
    question: Question,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help=".html; else a folder.")],
    tracks: Tracks = None,
    highlight: Highlights = None,
    region: Region = None,
    json_file: Json = None,
) -> None:
    """Write one-page HTML reports of genes for a lab notebook."""
    from seq2exp.export.report import report as report_of

    check_outputs({"--json": json_file})
    opened = question.open()
    targets = _targets(opened, out, (".html", ".htm"), "html", json_file)
    options = _options(opened, tracks, highlight)
    place = _place(opened, region)
    rows = []
    for result, target in zip(opened.results(), targets, strict=True):
        text = report_of(
            result,
            opened.dataset,
            region=place,
            options=options,
            command=report_command(question, result.gene, region, tracks, highlight or ()),
        )
        _save(target, text.encode())
        rows.append(opened.facts(result, target))
    opened.say(json_file, rows)


def _targets(
    opened: Opened, out: Path, suffixes: tuple[str, ...], fmt: str, json_file: str | None
) -> list[Path]:
    """Return the file of each gene: `out` itself, or files in a folder of that name.

    Raises
    ------
    InputError
        Where one file is named for several genes or is that of --json, too, or its folder is not
        there.
    """
    from seq2exp.export.hub_text import Unique, file_name

    single = out.suffix.lower() in suffixes and not out.is_dir()
    if single and len(opened.genes) > 1:
        raise InputError(f"{out} is one file, for {len(opened.genes)} genes; name a folder.")
    if f".{fmt}" not in suffixes:
        known = ", ".join(one.removeprefix(".") for one in suffixes)
        raise InputError(f"There is no format '{fmt}'; use one of {known}.")
    if not out.absolute().parent.is_dir():
        raise InputError(f"Cannot write {out}: its folder does not exist; make it first.")
    if single:
        check_outputs({"--out": str(out), "--json": json_file})
        return [out]
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file of another kind; name one that ends in {suffixes[0]}.")
    if out.suffix and not out.exists():
        raise InputError(
            f"{out} is no {' or '.join(suffixes)}; give one of these, or a folder's name."
        )
    unique = Unique()
    cell = file_name(opened.cell.name)
    return [out / f"{unique(f'{file_name(gene.name)}.{cell}')}.{fmt}" for gene in opened.genes]


def _options(
    opened: Opened,
    tracks: str | None,
    highlights: list[str] | None,
    size: str = "180",
    font: float = 7.0,
    dpi: int = 300,
) -> "FigureOptions":
    from seq2exp.export.figure import FigureOptions, parse_highlight, parse_size

    width, height = parse_size(size)
    keys = tuple(key.strip() for key in (tracks or "").split(",") if key.strip())
    marks = tuple(parse_highlight(text, opened.dataset.lengths) for text in highlights or ())
    return FigureOptions(width, height, font, dpi, keys, marks)


def _titled(
    options: "FigureOptions", opened: Opened, result: "GeneResult", title: str | None
) -> "FigureOptions":
    """Return the page with its title, and a footer that says what the figure was made from."""
    from dataclasses import replace

    dataset = opened.dataset
    footer = (
        f"{dataset.name}, {dataset.assembly}; {result.model.title}; {result.describe_mask()}; "
        f"prior {result.describe_prior()}"
    )
    head = f"{result.gene.name} in {result.cell}" if title is None else title
    return replace(options, title=head, footer=footer)


def _place(opened: Opened, region: str | None) -> "Interval | None":
    """Return the region to show; None: each gene's whole window.

    Raises
    ------
    InputError
        Where it is none, or lies outside the window of one of the genes.
    """
    from seq2exp.export.figure import part_of_window
    from seq2exp.genome.locus import parse_locus

    if region is None:
        return None
    place = parse_locus(region, opened.dataset.lengths)
    for gene in opened.genes:
        part_of_window(place, opened.dataset.window_interval(gene), gene.name)
    return place


def _whole(opened: Opened, result: "GeneResult") -> "Interval":
    """Return the part of a window that lies on its chromosome."""
    window = result.window.interval
    return window.clip(opened.dataset.lengths[window.chrom])


def report_command(
    question: Question,
    gene: "Gene",
    region: str | None = None,
    tracks: str | None = None,
    highlights: Sequence[str] = (),
) -> str:
    """Return the command that makes a gene's report."""
    words = ["seq2exp", "report", gene.id, *question.given()]
    for option, value in (("--region", region), ("--tracks", tracks)):
        words += [] if value is None else [option, value]
    for text in highlights:
        words += ["--highlight", text]
    return shlex.join([*words, "--out", f"{gene.name}.html"])


def _save(target: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    from seq2exp.files import atomic_path

    try:
        with atomic_path(target) as draft:
            draft.write_bytes(data)
    except OSError as error:
        raise InputError(
            f"Cannot write {target} ({error.strerror or error}); choose another file."
        ) from None
