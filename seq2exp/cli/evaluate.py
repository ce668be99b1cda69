"""``seq2exp evaluate``: models and other scores on held-out genes, into a folder of tables."""

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from seq2exp.cli.common import DatasetFile, Json, Root, Scan, dataset_path, write
from seq2exp.errors import InputError, nearest


def evaluate(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results.")],
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL...",
            help="Ids in data/models or .safetensors files; default: all in data/models.",
        ),
    ] = None,
    dataset: DatasetFile = "demo",
    root: Root = None,
    split: Annotated[
        Literal["test", "validation", "train"], typer.Option(help="Which chromosomes.")
    ] = "test",
    cell: Annotated[
        list[str] | None, typer.Option(help="Cell type, once for each; default: all measured.")
    ] = None,
    cut: Annotated[
        list[int] | None,
        typer.Option(
            metavar="BP",
            help="Give models windows of this length, too; default: 2, 10 and 50 kb; 0: none.",
        ),
    ] = None,
    length: Annotated[
        int | None, typer.Option(metavar="BP", help="Of whole windows; default: 200,000.")
    ] = None,
    deletions: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Delete the planted elements of N examples, one by one; default: none.",
        ),
    ] = 0,
    replicates: Annotated[int, typer.Option(help="Resamples of genes for intervals.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Of the resamples.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    scan: Scan = "auto",
    json_file: Json = None,
) -> None:
    """Score models on held-out genes, against planted truth and CRISPRi where there is any."""
    from seq2exp.analysis.evaluate import CUTS, Options
    from seq2exp.analysis.evaluate import evaluate as run
    from seq2exp.genome.window import WINDOW
    from seq2exp.training.memory import keep_freed_memory
    from seq2exp.training.progress import RichProgress

    keep_freed_memory()
    options = Options(
        split=split,
        cells=cell or None,
        cuts=CUTS if cut is None else tuple(bp for bp in cut if bp),
        length=WINDOW if length is None else length,
        deletions=deletions,
        replicates=replicates,
        seed=seed,
        device=device,
        scan=scan,
    )
    paths = _models(models)
    with RichProgress() as report:
        about = run(
            paths,
            dataset_path(dataset),
            out,
            options,
            root=root,
            command=shlex.join(["seq2exp", *sys.argv[1:]]),
            progress=report,
        )
    if json_file is None:
        print(out / "tables.md")
    else:
        write(json.dumps(about, indent=2, allow_nan=False, ensure_ascii=False) + "\n", json_file)


def _models(names: list[str] | None) -> list[Path]:
    """Return the files of models named by id or path; all that are there where none is named."""
    from seq2exp.inference.models import models_dir
    from seq2exp.model.checkpoint import SUFFIX, list_any

    known = {entry.id: entry.path for entry in list_any(models_dir())}
    if not names:
        return list(known.values())
    found = []
    for name in names:
        path = Path(name)
        if name not in known and path.suffix != SUFFIX:
            hint = nearest(name, known) if known else "name a .safetensors file."
            raise InputError(f"There is no model {name!r}; {hint}")
        found.append(known.get(name, path))
    return found
