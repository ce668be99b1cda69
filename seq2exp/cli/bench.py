"""``seq2exp bench …``: how fast it is on this machine, beside its peers and the machine's limit."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seq2exp.cli.common import DatasetFile, Json, Root, progress
from seq2exp.errors import InputError

if TYPE_CHECKING:
    from seq2exp.bench.measure import Progress
    from seq2exp.bench.report import Section

app = typer.Typer(
    name="bench",
    help="Measure this machine: ratios to the peers installed for the purpose, and to its limit.",
    no_args_is_help=True,
)

Length = Annotated[int, typer.Option(min=2_000, help="Bases of what is compared; even.")]
Batch = Annotated[int, typer.Option(min=1, help="Windows at once of what is compared.")]
Repeats = Annotated[int, typer.Option(min=1, help="Of ours; medians are shown.")]
SlowRepeats = Annotated[
    int, typer.Option(min=1, help="Of peers and of what else takes many times as long.")
]
Peers = Annotated[bool, typer.Option("--peers/--no-peers", help="Measure other libraries, too.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Cores for everyone; default: torch's own choice.")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Lengths = Annotated[
    list[int] | None, typer.Option("--at-length", help="Growth is measured along these.")
]
Batches = Annotated[
    list[int] | None, typer.Option("--at-batch", help="Growth is measured along these.")
]
Part = Annotated[list[str] | None, typer.Option(help="Only this part; once for each.")]
Markdown = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="Write the tables as Markdown.")
]


@app.command()
def scan(
    length: Length = 200_000,
    batch: Batch = 1,
    repeats: Repeats = 7,
    slow_repeats: SlowRepeats = 3,
    peers: Peers = True,
    threads: Threads = None,
    device: Device = "auto",
    at_length: Lengths = None,
    at_batch: Batches = None,
    part: Part = None,
    json_file: Json = None,
    markdown: Markdown = None,
) -> None:
    """Measure one selective scan: forward, with gradient, and how its time grows."""
    from seq2exp.bench.field import BATCHES, LENGTHS
    from seq2exp.bench.scan import PARTS, Options, sections

    options = Options(
        length=_even([length])[0],
        batch=batch,
        repeats=repeats,
        slow_repeats=slow_repeats,
        peers=peers,
        device=_prepare(device, threads),
        lengths=_even(at_length or LENGTHS),
        batches=_counts(at_batch or BATCHES),
        parts=_parts(part, PARTS),
    )
    _measure("scan", options, lambda report: sections(options, report), json_file, markdown)


@app.command()
def model(
    size: Annotated[str, typer.Option(help="Of the network: paper, demo or tiny.")] = "paper",
    length: Length = 200_000,
    batch: Batch = 1,
    repeats: Repeats = 7,
    slow_repeats: SlowRepeats = 3,
    peers: Peers = True,
    threads: Threads = None,
    device: Device = "auto",
    at_length: Lengths = None,
    at_batch: Batches = None,
    part: Part = None,
    json_file: Json = None,
    markdown: Markdown = None,
) -> None:
    """Measure a window from its bases to expression and mask, and a training step."""
    from seq2exp.bench.field import BATCHES, LENGTHS, PARTS, Options
    from seq2exp.bench.model import sections
    from seq2exp.model.config import SIZES

    if size not in SIZES:
        raise InputError(f"Unknown model size {size!r}; use one of {', '.join(SIZES)}.")
    options = Options(
        size=size,
        length=_even([length])[0],
        batch=batch,
        repeats=repeats,
        slow_repeats=slow_repeats,
        peers=peers,
        device=_prepare(device, threads),
        lengths=_even(at_length or LENGTHS),
        batches=_counts(at_batch or BATCHES),
        parts=_parts(part, PARTS),
    )
    _measure("model", options, lambda report: sections(options, report), json_file, markdown)


@app.command()
def page(
    dataset: DatasetFile = "demo",
    root: Root = None,
    model: Annotated[str, typer.Option(help="Id in data/models; default: the first.")] = "",
    genes: Annotated[int, typer.Option(min=1, help="Opened one after the other.")] = 5,
    repeats: Annotated[int, typer.Option(min=1, help="Of starts and of other gestures.")] = 5,
    width: Annotated[int, typer.Option(min=600, help="Of the page, in pixels.")] = 1280,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Of the app; default: a temporary one.")
    ] = None,
    json_file: Json = None,
    markdown: Markdown = None,
) -> None:
    """Measure the Browser page in Chromium, from a gesture to its answer on screen."""
    from seq2exp.bench.page import Options, sections

    options = Options(
        dataset=dataset,
        root="" if root is None else str(root),
        model=model,
        genes=genes,
        repeats=repeats,
        width=width,
        cache="" if cache is None else str(cache),
        device=_prepare("auto", None),
    )
    _measure("page", options, lambda report: sections(options, report), json_file, markdown)


@app.command()
def loader(
    dataset: DatasetFile = "demo",
    root: Root = None,
    model: Annotated[str, typer.Option(help="The system whose step is measured.")] = "seq2exp-soft",
    size: Annotated[str, typer.Option(help="Of the network: paper, demo or tiny.")] = "paper",
    length: Length = 200_000,
    batch: Annotated[int, typer.Option(min=1, help="Windows in a training step.")] = 8,
    compact: Annotated[
        int, typer.Option(min=0, help="Cut windows down to so many bases, as `train` can; 0: not.")
    ] = 0,
    repeats: Repeats = 7,
    threads: Threads = None,
    device: Device = "auto",
    json_file: Json = None,
    markdown: Markdown = None,
) -> None:
    """Measure how many windows the loader gives, and how many a training step needs."""
    from seq2exp.bench.loader import Options, sections
    from seq2exp.cli.common import dataset_path

    options = Options(
        dataset=str(dataset_path(dataset)),
        root="" if root is None else str(root),
        model=model,
        size=size,
        length=_even([length])[0],
        batch=batch,
        compact=compact,
        repeats=repeats,
        device=_prepare(device, threads),
    )
    _measure("loader", options, lambda report: sections(options, report), json_file, markdown)


def _prepare(device: str, threads: int | None) -> str:
    """Return the device that a name stands for, torch's threads being set."""
    import torch

    if device not in ("auto", "cpu", "cuda"):
        raise InputError(f"Unknown device {device!r}; use auto, cpu or cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("There is no CUDA device here; use --device cpu.")
    if threads is not None:
        torch.set_num_threads(threads)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return device


def _even(lengths: "list[int] | tuple[int, ...]") -> tuple[int, ...]:
    for length in lengths:
        if length % 2 or length < 2_000:
            raise InputError(
                f"A length of {length:,} does not work; use an even one from 2,000 on."
            )
    return tuple(lengths)


def _counts(batches: "list[int] | tuple[int, ...]") -> tuple[int, ...]:
    for batch in batches:
        if batch < 1:
            raise InputError(f"A batch of {batch} does not work; use 1 or more.")
    return tuple(batches)


def _parts(chosen: list[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    for name in chosen or ():
        if name not in known:
            raise InputError(f"There is no part {name!r}; use one of {', '.join(known)}.")
    return tuple(chosen or known)


def _measure(
    name: str,
    options: Any,
    sections: "Callable[[Progress], Iterator[Section]]",
    json_file: str | None,
    markdown: Path | None,
) -> None:
    """Run a bench, write what it has found after every part, and print it."""
    from dataclasses import asdict

    from seq2exp.bench.machine import describe
    from seq2exp.bench.report import Report, save, show, to_json, to_markdown

    files: dict[Path, Callable[[Report], str]] = {}
    if json_file not in (None, "-"):
        files[Path(str(json_file))] = to_json
    if markdown is not None:
        files[markdown] = to_markdown
    for path in files:  # now rather than after half an hour
        try:
            path.absolute().parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"Cannot write {path} ({error.strerror}); choose another.") from None
    report = Report(name, describe(options.device), asdict(options), [])
    with progress() as bars:
        for section in sections(bars):
            report.sections.append(section)
            for path, write in files.items():
                save(write(report), path)
    if json_file == "-":
        sys.stdout.write(to_json(report))
    else:
        show(report)
