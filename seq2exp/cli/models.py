"""Commands on networks: make one, ask one, read one of the authors'."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from seq2exp.cli.common import (
    DatasetFile,
    Json,
    Root,
    Scan,
    check_outputs,
    dataset_path,
    plain,
    progress,
    to_json,
    write,
)
from seq2exp.cli.groups import Data, Elements, Mask, WithPeaks, grouped


def train(
    dataset: DatasetFile,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The model; default: runs/PRESET-MODEL.safetensors."),
    ] = None,
    root: Root = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="seq2exp-soft, seq2exp-hard, seq2exp-retrain, seq2exp-coupled, macs3, enformer, "
            "hyenadna, mamba, caduceus, caduceus-signals, epinformer or caduceus-signals-2kb.",
        ),
    ] = "seq2exp-soft",
    preset: Annotated[str, typer.Option(help="paper, demo or tiny.")] = "paper",
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="The model whose mask seq2exp-retrain takes."),
    ] = None,
    cell: Annotated[
        list[str] | None, typer.Option(help="Cell type, once for each; default: all measured.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and sampled masks.")] = 2222,
    steps: Annotated[
        int | None, typer.Option(help="Optimisation steps; default: the preset's.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Windows a step; default: the preset's.")
    ] = None,
    window: Annotated[
        int | None, typer.Option(help="Central bases to train on; default: the preset's.")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Peak learning rate; default: the preset's.")
    ] = None,
    lr_floor: Annotated[float | None, typer.Option(help="Last learning rate.")] = None,
    compact: Annotated[
        int | None, typer.Option(help="Cut windows down to so many bases; default: the preset's.")
    ] = None,
    background: Annotated[
        float | None, typer.Option(help="Share of them drawn at random; default: the preset's.")
    ] = None,
    finetune_steps: Annotated[
        int | None, typer.Option(help="Steps of a second phase; default: the preset's.")
    ] = None,
    finetune_window: Annotated[int | None, typer.Option(help="Its central bases.")] = None,
    finetune_batch_size: Annotated[int | None, typer.Option(help="Its windows a step.")] = None,
    finetune_lr: Annotated[float | None, typer.Option(help="Its peak learning rate.")] = None,
    finetune_mask: Annotated[
        bool | None,
        typer.Option("--finetune-mask/--hold-mask", help="Whether it moves the mask."),
    ] = None,
    validate_every: Annotated[int | None, typer.Option(help="Steps between validations.")] = None,
    calibrate: Annotated[
        int | None,
        typer.Option(
            help="Whole training windows that set slope and level of the predictions; default: the "
            "preset's."
        ),
    ] = None,
    judge: Annotated[
        int | None,
        typer.Option(help="Held-out windows that are looked at whole; default: the preset's."),
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    devices: Annotated[str, typer.Option(help="How many, or which, e.g. '2' or '0,1'.")] = "1",
    strategy: Annotated[
        str, typer.Option(help="Of several devices: auto (ddp), or as Lightning has it.")
    ] = "auto",
    precision: Annotated[str | None, typer.Option(help="E.g. 32-true, bf16-mixed.")] = None,
    scan: Scan = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run.")
    ] = False,
    switch: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of the network."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Of the model's card.")] = None,
) -> None:
    """Train Seq2Exp or a system it is compared with, and write it with its card."""
    from seq2exp.training.devices import Devices, is_first
    from seq2exp.training.memory import keep_freed_memory
    from seq2exp.training.phases import Wishes
    from seq2exp.training.train import parse_switches
    from seq2exp.training.train import train as run

    keep_freed_memory()
    # Before the demo is made, where it is missing.
    wishes = Wishes(
        steps=steps,
        batch_size=batch_size,
        window=window,
        lr=lr,
        lr_floor=lr_floor,
        compact=compact,
        background=background,
        finetune_steps=finetune_steps,
        finetune_window=finetune_window,
        finetune_batch_size=finetune_batch_size,
        finetune_lr=finetune_lr,
        finetune_mask=finetune_mask,
        validate_every=validate_every,
        calibrate=calibrate,
        judge=judge,
    )
    where = Devices(
        accelerator=accelerator,
        devices=int(devices) if devices.isdecimal() else devices,
        strategy=strategy,
        precision=precision,
    )
    switches = parse_switches(switch or [])
    path = run(
        dataset_path(dataset),
        Path("runs") / f"{preset}-{model}.safetensors" if out is None else out,
        root=root,
        model=model,
        preset=preset,
        source=source,
        cells=cell or None,
        seed=seed,
        wishes=wishes,
        devices=where,
        scan=scan,
        resume=resume,
        switches=switches,
        title=title,
    )
    if is_first():
        print(path)


@grouped
def predict(
    gene: Annotated[str, typer.Argument(help="Symbol or Ensembl id.")],
    data: Data,
    mask: Mask,
    elements: Elements,
    peaks: WithPeaks,
    json_file: Json = None,
) -> None:
    """Predict a gene's expression and find the bases that regulate it."""
    from seq2exp.analysis.answer import answer, find_elements

    check_outputs({"--json": json_file})
    elements.check()
    read = mask.open()
    opened, cell = data.open()
    window = opened.window(gene, cell.name)
    called, source = None, ""
    with progress() as report:
        prediction = read.predictor.predict(window, read.asked, read.prior, progress=report)
        if peaks.peaks:
            caller, parameters = peaks.open(opened, cell)
            called, source = caller.peaks(parameters, report), caller.describe(parameters)
    found = answer(
        window,
        prediction,
        find_elements(
            window,
            prediction.posterior,
            prediction.rule,
            opened.lengths,
            elements.min_length,
            elements.merge_gap,
            elements.keep_promoter,
        ),
        peaks=called,
        peaks_source=source,
        simulated=opened.simulated,
    )
    found["notes"] = [*read.notes(opened), *found["notes"]]
    if json_file is None:
        _print_answer(found)
    else:
        write(to_json(found), json_file)


def convert(
    released: Annotated[Path, typer.Argument(help="A checkpoint of the authors (.ckpt).")],
    variant: Annotated[
        Literal["soft", "hard"], typer.Option(help="Which of the published networks it is.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="OUT.safetensors.")],
) -> None:
    """Convert a released checkpoint; nothing that it contains is executed."""
    from seq2exp.model.convert import convert_released

    print(convert_released(released, variant, out))


def _print_answer(found: dict[str, Any]) -> None:
    """Print an answer for people."""
    from rich.console import Console
    from rich.table import Table

    expression, mask, peaks = found["expression"], found["mask"], found["peaks"]
    measured = expression["measured"]
    name = found["gene"]
    if found["gene_id"] != name:
        name += f" ({found['gene_id']})"
    lines = {
        "Gene": f"{name} in {found['cell']}",
        "Window": f"{found['region']}, {found['length']:,} bp",
        "Model": f"{found['model']} on {found['device']}, {found['seconds']:.1f} s",
        "Predicted": f"{expression['predicted']:.3f} {expression['unit']}",
        "Measured": (
            "-" if measured is None else f"{measured:.3f} log10(x+1), x: {expression['label']}"
        ),
        "Mask": (
            f"{mask['ratio']:.2%} of the window ({mask['mode']}), "
            f"prior mean {mask['prior_mean']:.3g}, strength {mask['strength']:.3g}"
        ),
        "Peaks": "-" if peaks is None else f"{peaks['ratio']:.2%} of the window, {peaks['source']}",
    }
    if found["simulated"]:
        lines["Data"] = "simulated"
    console = Console(highlight=False)
    grid = Table.grid(padding=(0, 2))
    for heading, text in lines.items():
        grid.add_row(f"[bold]{heading}[/bold]", plain(text))
    console.print(grid)
    table = Table("Element", "Position", "Length", "Mean mask", "Highest")
    for column in table.columns[2:]:
        column.justify = "right"
    for element in found["elements"]:
        table.add_row(
            plain(element["name"]),
            plain(element["region"]),
            f"{element['length']:,} bp",
            f"{element['mean_mask']:.3f}",
            f"{element['max_mask']:.3f}",
        )
    if found["elements"]:
        console.print(table)
    else:
        console.print("No learned element passes these settings.")
    for note in (*found["notes"], *filter(None, [found["warning"]])):
        console.print(f"Note: {plain(note)}")
