"""``seq2exp study …``: train and evaluate what a plan lists, and write down what came of it."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from seq2exp.cli.common import DatasetFile, Root, Scan, dataset_path, plain, write
from seq2exp.errors import InputError

PLAN = Path("data/benchmarks/demo-study.yaml")
RESULTS = Path("data/benchmarks/demo")

app = typer.Typer(
    name="study",
    help="Train and evaluate the runs of a plan, and report what came of it.",
    no_args_is_help=True,
)

PlanFile = Annotated[
    Path, typer.Argument(metavar="[PLAN]", help="A YAML file that lists the runs.")
]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of trained models.")]


@app.command()
def train(
    runs: Runs,
    plan: PlanFile = PLAN,
    dataset: DatasetFile = "demo",
    root: Root = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only this run, or all seeds of it; once for each."),
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    scan: Scan = "auto",
) -> None:
    """Train the runs that are not there yet, one after another; interrupted ones go on."""
    from rich.console import Console

    from seq2exp.analysis.study.reading import load_plan
    from seq2exp.analysis.study.training import train_runs
    from seq2exp.bench.machine import describe
    from seq2exp.training.devices import Devices
    from seq2exp.training.memory import keep_freed_memory

    keep_freed_memory()
    devices = Devices(accelerator=accelerator)
    machine = describe(devices.place()[1])
    found = train_runs(
        load_plan(plan),
        dataset_path(dataset),
        runs,
        only=only or (),
        root=root,
        devices=devices,
        scan=scan,
        machine={name: machine[name] for name in ("processor", "cores", "memory", "gpu")},
    )
    console = Console(highlight=False)
    for one in found:
        console.print(f"{one.run.id}: {plain(one.what)}")
    failed = [one.run.id for one in found if one.failed]
    if failed:
        raise InputError(f"Not trained: {', '.join(failed)}; the reasons stand above.")


@app.command()
def evaluate(
    runs: Runs,
    plan: PlanFile = PLAN,
    dataset: DatasetFile = "demo",
    root: Root = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results.")] = RESULTS,
    length: Annotated[
        int | None, typer.Option(metavar="BP", help="Of whole windows; default: 200,000.")
    ] = None,
    replicates: Annotated[int, typer.Option(help="Resamples of genes for intervals.")] = 1_000,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    scan: Scan = "auto",
) -> None:
    """Evaluate the systems and priors that are there; keep cards and logs of all runs."""
    from seq2exp.analysis.evaluate import Options
    from seq2exp.analysis.study.collect import evaluate_runs
    from seq2exp.analysis.study.reading import load_plan
    from seq2exp.genome.window import WINDOW
    from seq2exp.training.memory import keep_freed_memory
    from seq2exp.training.progress import RichProgress

    keep_freed_memory()
    options = Options(
        length=WINDOW if length is None else length,
        replicates=replicates,
        device=device,
        scan=scan,
    )
    with RichProgress() as progress:
        evaluate_runs(
            load_plan(plan),
            dataset_path(dataset),
            runs,
            out,
            options,
            root=root,
            command=shlex.join(["seq2exp", *sys.argv[1:]]),
            progress=progress,
        )
    print(out / "tables.md")


@app.command()
def delete(
    runs: Runs,
    plan: PlanFile = PLAN,
    dataset: DatasetFile = "demo",
    root: Root = None,
    results: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that 'study evaluate' filled.")
    ] = RESULTS,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID",
            help="Only this run, or all seeds of it; once for each. Default: systems with a mask.",
        ),
    ] = None,
    hard: Annotated[
        bool,
        typer.Option("--hard", help="Masks open or closed, which is faster; default: their own."),
    ] = False,
    examples: Annotated[
        int | None,
        typer.Option(metavar="N", help="Spread over the split; default: all.", min=1),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    scan: Scan = "auto",
) -> None:
    """Delete planted elements of evaluated genes; keep how causal ones rank among decoys."""
    from seq2exp.analysis.study.deleting import NAME, delete_planted
    from seq2exp.analysis.study.reading import load_plan
    from seq2exp.training.memory import keep_freed_memory
    from seq2exp.training.progress import RichProgress

    keep_freed_memory()
    with RichProgress() as progress:
        delete_planted(
            load_plan(plan),
            dataset_path(dataset),
            runs,
            results,
            only=only or (),
            hard=hard,
            count=examples,
            root=root,
            device=device,
            scan=scan,
            progress=progress,
        )
    print(results / NAME)


@app.command()
def collect(
    runs: Runs,
    plan: PlanFile = PLAN,
    results: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that 'study evaluate' filled.")
    ] = RESULTS,
) -> None:
    """Keep cards and logs of ablations that were trained since the evaluation."""
    from seq2exp.analysis.study.collect import collect_runs
    from seq2exp.analysis.study.reading import load_plan

    collect_runs(load_plan(plan), runs, results)
    print(results)


@app.command()
def report(
    plan: PlanFile = PLAN,
    results: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that 'study evaluate' filled.")
    ] = RESULTS,
    out: Annotated[str, typer.Option(metavar="FILE", help="Markdown; '-' is stdout.")] = (
        "data/benchmarks/demo-study.md"
    ),
) -> None:
    """Write the report from the folder of results alone: no weights, no data set."""
    from seq2exp.analysis.study.document import report as make
    from seq2exp.analysis.study.reading import load_plan

    command = ["seq2exp", "study", "report", str(plan), "--results", str(results), "--out", out]
    write(make(load_plan(plan), results, shlex.join(command)), out)
    if out != "-":
        print(out)
