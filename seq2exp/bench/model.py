"""``seq2exp bench model``: a whole window and a whole training step, beside peers and the limit.

Every part gives a table of its own (`PARTS`): inference from bases to expression and mask, what a
hard mask saves, a training step, the most memory, and how time grows with length and with batch.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from seq2exp.bench.field import CHECKED, OURS, PARTS, Field, Options
from seq2exp.bench.limits import LAYER_COUNTED, Limits, model_work, network_work
from seq2exp.bench.machine import available_memory
from seq2exp.bench.measure import Contender, Peak, Progress, peak_memory, stage, time_in_turns
from seq2exp.bench.peers import PEERS, TOLERANCE
from seq2exp.bench.report import Row, Section, compared, growth, timed
from seq2exp.bench.runs import (
    Windows,
    infer,
    infer_alone,
    network,
    random_windows,
    run_mixer,
    train_alone,
    training_step,
)
from seq2exp.model.config import ModelConfig
from seq2exp.model.seq2exp import Seq2Exp

_Alone = Callable[[str, int, int, str, str], None]
_Begin = Callable[[Seq2Exp], Callable[[Windows], Tensor]]
KEPT = 0.07  # of a window's bases, by a hard mask: about what the published one keeps


def sections(options: Options, progress: Progress) -> Iterator[Section]:
    """Measure part by part and yield each part's tables as soon as they are ready."""
    limits = Limits(options.device)
    for part in PARTS:
        if part in options.parts:
            yield from _MEASURES[part](options, limits, stage(progress, part))


def _batch(options: Options) -> str:
    return f", batch {options.batch}" if options.batch > 1 else ""


# ---- The parts -----------------------------------------------------------------------------------


def _inference(options: Options, limits: Limits, progress: Progress) -> Iterator[Section]:
    progress(0.0, "the machine's rates")
    limits.measure()
    model = network("soft", options.size, options.length, options.device)
    field = Field(model, options, lambda other: partial(infer, other))
    field.add_scans()
    if options.peers:
        field.add_peers()
    timings = field.time(progress)
    limits.measure()
    work = model_work(model.config, options.length) * options.batch
    least = limits.seconds(work)
    rows = compared(timings, OURS, least) + field.left_out
    if least is not None:
        rows.append(Row("limit of this machine", {"median": least}))
    yield Section(
        "inference",
        f"Inference, {options.length:,} bp{_batch(options)}, {options.size} size, soft: from bases "
        "to expression and mask",
        "Layers by",
        rows,
        [
            f"{OURS} runs as {model.generator.implementation(options.device)}; torch is the torch "
            "modules around a selective scan of ours. Measured in turns; "
            f"everyone's hidden states are within {TOLERANCE:g} of ours on {CHECKED:,} "
            "bases."
        ],
    )
    title = "The limit: least seconds of the same at this machine's peak rates"
    yield limits.section(work, title, LAYER_COUNTED)


def _hard(options: Options, limits: Limits, progress: Progress) -> Iterator[Section]:
    length, batch, device = options.length, options.batch, options.device
    model = network("hard", options.size, length, device)
    windows = random_windows(length, batch, device)
    kept = max(round(KEPT * length), model.config.promoter)
    score = torch.rand(length, generator=torch.Generator().manual_seed(1))
    score[model.promoter(length)] = 2  # the promoter is always open
    some = torch.zeros(length).index_fill(0, score.topk(kept).indices, 1.0)
    masks = {
        f"predictor, {kept / length:.1%} kept": some.expand(batch, length).to(device),
        "predictor, all kept": torch.ones(batch, length, device=device),
    }

    @torch.no_grad()
    def generate() -> object:
        return model.posterior_parameters(windows.one_hot, windows.signals)

    @torch.no_grad()
    def predict(mask: Tensor) -> Tensor:
        return model.predict(windows.one_hot, windows.signals, windows.features, mask)

    runs: dict[str, Callable[[], object]] = {"generator and mask": generate}
    runs |= {name: partial(predict, mask) for name, mask in masks.items()}
    timings = time_in_turns(
        [Contender(name, run, options.repeats, device=device) for name, run in runs.items()],
        progress,
    )
    generator, partly, whole = timings.values()
    if limits.missing:
        limits.measure()
    predictor = network_work(model.config, model.config.generator_layers, 7)
    least = {
        generator.name: limits.seconds(model_work(model.config, length, 0) * batch),
        partly.name: limits.seconds(predictor * (kept * batch)),
        whole.name: limits.seconds(predictor * (length * batch)),
    }
    total = generator.median + partly.median
    shares = {generator.name: generator.median / total, partly.name: partly.median / total}
    rows = [
        timed(
            timing,
            share=shares.get(name),
            limit_ratio=None if (bound := least[name]) is None else timing.median / bound,
        )
        for name, timing in timings.items()
    ]
    yield Section(
        "hard",
        f"Inference, {length:,} bp{_batch(options)}, {options.size} size, hard: its two passes",
        "Pass",
        rows,
        [
            f"With {kept / length:.1%} of the bases kept the predictor takes "
            f"{partly.median / whole.median:.1%} of the seconds that it takes for all of them.",
            "Share is that of both passes, generator and predictor on what is kept.",
        ],
    )


def _training(options: Options, limits: Limits, progress: Progress) -> Iterator[Section]:
    model = network("soft", options.size, options.length, options.device)
    field = Field(model, options, training_step)
    field.add_scans()
    if options.peers:
        field.add_peers(training=True)
    timings = field.time(progress)
    yield Section(
        "training",
        f"Training step, {options.length:,} bp{_batch(options)}, {options.size} size, soft: "
        "forward, objective, backward, AdamW",
        "Layers by",
        compared(timings, OURS) + field.left_out,
        ["On long windows the torch modules keep each layer's input and run it again."],
    )


def _memory(options: Options, limits: Limits, progress: Progress) -> Iterator[Section]:
    same = {
        "size": options.size,
        "length": options.length,
        "batch": options.batch,
        "device": options.device,
    }
    tasks: dict[str, Callable[[], Peak | None]] = {}
    rows = []
    for work, alone in {"inference": infer_alone, "training step": train_alone}.items():
        for scan, name in {"auto": OURS, "torch": "torch, torch scan"}.items():
            tasks[f"{work}, {name}"] = partial(peak_memory, alone, scan=scan, **same)
    for peer in PEERS.values() if options.peers else ():
        name = f"one layer and direction, {peer.title}"
        config = ModelConfig.soft(options.size)
        need = peer.memory(config, options.length) * options.batch
        if missing := peer.missing(options.device):
            rows.append(Row(name, note=missing))
        elif need > 0.95 * available_memory(options.device):
            rows.append(Row(name, {"memory": need}, note="estimated: it does not fit"))
        else:
            tasks[name] = partial(peak_memory, run_mixer, peer=peer.name, **same)
    measured = []
    for place, (name, task) in enumerate(tasks.items()):
        progress(place / len(tasks), name)
        found = task()
        if found is None:
            measured.append(Row(name, note="needs more than there is"))
        else:
            measured.append(Row(name, {"memory": found.total, "before": found.before}))
    yield Section(
        "memory",
        f"Memory, {options.length:,} bp{_batch(options)}, {options.size} size, soft",
        "Process",
        measured + rows,
        [
            "On a CPU the most resident memory of a process that does this once: interpreter, "
            "libraries, weights and windows count; before the task it had what the last column "
            "says. On a GPU what torch allocated there."
        ],
    )


def _growth(along: str, options: Options, limits: Limits, progress: Progress) -> Iterator[Section]:
    device = options.device
    sizes = sorted(options.lengths if along == "length" else options.batches)
    shapes = {
        size: (size, options.batch) if along == "length" else (options.length, size)
        for size in sizes
    }
    works: dict[str, tuple[_Alone, _Begin]] = {
        "inference": (infer_alone, lambda model: partial(infer, model)),
        "training step": (train_alone, training_step),
    }
    for work, (alone, begin) in works.items():
        length, batch = shapes[sizes[0]]
        progress(0.0, f"{work}, its memory")
        need = peak_memory(
            alone, size=options.size, length=length, batch=batch, device=device, scan="auto"
        )
        room = 0.8 * available_memory(device)
        contenders: dict[int, Contender] = {}
        without: list[int] = []
        for size, (length, batch) in shapes.items():
            if need is None or (need.total - need.before) * size / sizes[0] > room:
                without.append(size)
                continue
            run = partial(
                begin(network("soft", options.size, length, device)),
                random_windows(length, batch, device),
            )
            contenders[size] = Contender(
                f"{work}, {size:,}", run, min(options.repeats, 3), device=device
            )
        timings = time_in_turns(list(contenders.values()), progress)
        notes = [f"Not measured, for want of memory: {', '.join(f'{size:,}' for size in without)}."]
        what = f"batch {options.batch}" if along == "length" else f"{options.length:,} bp"
        yield growth(
            f"{along}_{work.split()[0]}",
            f"Growth of {work} with {along}, {what}",
            along,
            {size: timings[contender.name] for size, contender in contenders.items()},
            notes if without else (),
        )


_MEASURES: dict[str, Callable[[Options, Limits, Progress], Iterator[Section]]] = {
    "inference": _inference,
    "hard": _hard,
    "training": _training,
    "memory": _memory,
    "length": partial(_growth, "length"),
    "batch": partial(_growth, "batch"),
}
