"""What the commands share: option types, progress, where the demo is, and writing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from seq2exp.errors import InputError

DatasetFile = Annotated[
    str,
    typer.Option(
        "--dataset", metavar="FILE", help="A dataset.yaml, the authors' data folder, or 'demo'."
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder that the data set's paths start from."),
]
Scan = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What runs the layers: auto (the fastest), torch, cpu, triton or mamba_ssm.",
    ),
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write JSON; '-' is stdout.")
]


def dataset_path(name: str) -> Path:
    """Return a dataset.yaml's path; ``demo`` is the embedded one, made where it is missing."""
    if name != "demo":
        return Path(name)
    from seq2exp.datasets.simulate import demo_dataset

    with progress() as report:
        return demo_dataset(report)


@contextmanager
def progress() -> Iterator[Any]:
    """Yield a progress callback: bars on a terminal, nothing where stderr is a file or a pipe."""
    if not sys.stderr.isatty():
        yield lambda fraction, text: None
        return
    from seq2exp.training.progress import RichProgress

    with RichProgress() as report:
        yield report


def write(text: str, target: str) -> None:
    """Write to a file, whole or not at all, or to stdout ("-")."""
    from seq2exp.files import atomic_path

    if target == "-":
        sys.stdout.write(text)
        return
    if not Path(target).absolute().parent.is_dir():
        raise InputError(f"Cannot write {target}: its folder does not exist; make it first.")
    try:
        with atomic_path(target) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"Cannot write {target} ({error.strerror}); choose another file."
        ) from None


def plain(text: str) -> str:
    """Return a text that rich prints as it stands."""
    from rich.markup import escape

    return escape(text)
