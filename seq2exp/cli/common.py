"""What the commands share: option types, progress, where the demo is, and writing."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seq2exp.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

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
Tsv = Annotated[
    str | None, typer.Option("--tsv", metavar="FILE", help="Write a table; '-' is stdout.")
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


def check_outputs(targets: Mapping[str, str | None]) -> None:
    """Refuse files that cannot be written, before the work for them begins.

    Parameters
    ----------
    targets
        Option to its file; "-" is stdout, None is left out.

    Raises
    ------
    InputError
        Where two options have one file, or a file is a folder or has none.
    """
    asked: dict[str, tuple[str, list[str]]] = {}
    for option, target in targets.items():
        if target is not None:
            place = target if target == "-" else os.path.realpath(target)
            asked.setdefault(place, (target, []))[1].append(option)
    for target, options in asked.values():
        if len(options) > 1:
            place = "stdout" if target == "-" else target
            raise InputError(f"{' and '.join(options)} cannot both be {place}; name a file.")
        if target == "-":
            continue
        if Path(target).is_dir():
            raise InputError(f"Cannot write {target}: it is a folder; name a file.")
        if not Path(target).absolute().parent.is_dir():
            raise InputError(f"Cannot write {target}: its folder does not exist; make it first.")


def write(text: str, target: str) -> None:
    """Write to a file, whole or not at all, or to stdout ("-")."""
    from seq2exp.files import atomic_path

    check_outputs({"": target})
    if target == "-":
        sys.stdout.write(text)
        return
    try:
        with atomic_path(target) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"Cannot write {target} ({error.strerror}); choose another file."
        ) from None


def write_all(texts: dict[str, tuple[str | None, str]]) -> None:
    """Write each text to its target; a target that is None is left out.

    Parameters
    ----------
    texts
        Option to target and text; the targets are those that `check_outputs` let pass.
    """
    for target, text in texts.values():
        if target is not None:
            write(text, target)


def to_json(values: dict[str, Any]) -> str:
    """Return values as JSON for files and pipes."""
    return json.dumps(values, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def records(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table's rows as JSON values; what is missing is None."""
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return rows


def plain(text: str) -> str:
    """Return a text that rich prints as it stands."""
    from rich.markup import escape

    return escape(text)
