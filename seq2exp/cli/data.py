"""Commands on data sets."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from seq2exp.cli.common import progress
from seq2exp.errors import InputError


def demo(
    size: Annotated[
        Literal["default", "full"],
        typer.Option(help="Held-out chromosomes only, or the training ones as well."),
    ] = "default",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder to make; without it the app's own copy is made."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed gives other data.")] = None,
) -> None:
    """Simulate the demo data set and print where its dataset.yaml is."""
    from seq2exp.datasets.simulate import demo_dataset, make_demo
    from seq2exp.datasets.simulate.demo import DEFAULT_SEED

    if out is None and (size != "default" or seed is not None):
        raise InputError("The app's own copy has a fixed size and seed; name a folder with --out.")
    with progress() as report:
        if out is None:
            path = demo_dataset(report)
        else:
            path = make_demo(out, size, DEFAULT_SEED if seed is None else seed, report)
    print(path)
