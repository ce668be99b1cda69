"""Two processes on the CPU train as one does, and one of them writes."""

import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from runs_for_tests import run
from safetensors.torch import load_file

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import read_card
from seq2exp.training import train as training
from seq2exp.training.batches import Batch
from seq2exp.training.examples import examples
from seq2exp.training.loader import Batches, OrderedBatches

# Processes start from one that has imported everything, and never trained.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["runs_for_tests", "seq2exp.training.train"])

CHANGES = {
    "model": "caduceus-signals",  # nothing in it is drawn at random
    "steps": 8,
    "validate_every": 3,
    "finetune_steps": 2,
    "finetune_window": 3_000,
    "finetune_batch_size": 2,
}


def work(small: Path, out: Path, environment: dict[str, str], said: Path) -> None:
    """Train as one of several processes, and write what was seen and what the weights became."""
    os.environ.update(environment)
    torch.set_num_threads(1)
    seen, weights = [], []
    fit, read = training.fit, Batches.read

    def watched_read(self: Batches, step: int) -> Batch:
        seen.append([step, self.indices(step).tolist()])
        return read(self, step)

    def watched_fit(model: torch.nn.Module, *rest: object, **more: object) -> torch.device:
        device = fit(model, *rest, **more)
        values = [value.numpy().tobytes() for value in model.state_dict().values()]
        weights.append(hashlib.sha256(b"".join(values)).hexdigest())
        return device

    training.fit, Batches.read = watched_fit, watched_read
    run(small, out, devices=2, **CHANGES)
    said.write_text(json.dumps({"seen": seen, "weights": weights}))


@pytest.fixture(scope="module")
def both(small: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[dict]]:
    """A run of one process, the same of two, and what the two have said."""
    folder = tmp_path_factory.mktemp("devices")
    one = run(small, folder / "one.safetensors", **CHANGES)
    two = folder / "two.safetensors"
    said = [folder / f"{rank}.json" for rank in (0, 1)]
    port = str(find_free_network_port())
    processes = []
    for rank, path in enumerate(said):
        environment = {"LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        processes.append(CONTEXT.Process(target=work, args=(small, two, environment, path)))
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    return one, two, [json.loads(path.read_text()) for path in said]


def test_both_have_the_same_weights_and_see_what_one_would(
    both: tuple[Path, Path, list[dict]], small: Path
) -> None:
    _, _, said = both
    assert said[0]["weights"] == said[1]["weights"]
    assert len(said[0]["weights"]) == 2
    cached = examples(Dataset.load(small), "train", ["cell-a", "cell-b"], 3_000)
    steps = [(step, 4) for step in range(8)] + [(step, 2) for step in range(2)]
    for (step, size), *parts in zip(steps, *(found["seen"] for found in said), strict=True):
        alone = Batches(cached, size, 8, seed=3, length=2_048).indices(step).tolist()
        assert [part[0] for part in parts] == [step, step]
        assert parts[0][1] + parts[1][1] == alone


def test_the_outcome_is_that_of_one_process(both: tuple[Path, Path, list[dict]]) -> None:
    one, two, _ = both
    first, second = load_file(one), load_file(two)
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=2e-3, atol=2e-4)
    logs = [
        [line.split(",")[:-1] for line in path.with_suffix(".log.csv").read_text().splitlines()]
        for path in (one, two)
    ]
    assert len(logs[0]) == len(logs[1])
    for wanted, found in zip(*(log[1:] for log in logs), strict=True):
        assert [float(v or 0) for v in found] == pytest.approx(
            [float(v or 0) for v in wanted], rel=5e-3, abs=1e-4
        )
    metrics = [
        read_card(path.with_suffix(".json"))["metrics"]["test"]["mse"] for path in (one, two)
    ]
    assert metrics[1] == pytest.approx(metrics[0], rel=1e-2)


def test_only_the_first_writes(both: tuple[Path, Path, list[dict]]) -> None:
    one, two, _ = both
    files = [
        sorted(str(p.relative_to(base)) for p in base.rglob("*") if "events" not in p.name)
        for base in (path.with_suffix(".training") for path in (one, two))
    ]
    assert files[0] == files[1]
    boards = list((two.with_suffix(".training") / "first" / "tensorboard").iterdir())
    assert len(boards) == 1


@pytest.mark.long
def test_the_command_line_starts_the_processes(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "two.safetensors"
    command = [Path(sys.executable).parent / "seq2exp", "train", "--dataset", small, "--out", out]
    words = "--model seq2exp-coupled --preset tiny --steps 4 --validate-every 3 --batch-size 4"
    words += " --set window=2048 --accelerator cpu --devices 2 --finetune-steps 2"
    words += " --finetune-batch-size 2"
    done = subprocess.run([*command, *words.split()], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(out)]
    assert read_card(out.with_suffix(".json"))["model"] == "seq2exp-coupled"


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_validation_is_shared_evenly_and_put_together_again(small: Path, ranks: int) -> None:
    cached = examples(Dataset.load(small), "validation", ["cell-a", "cell-b"], 2_048)
    loaders = [OrderedBatches(cached, 2, 2_048, rank=r, ranks=ranks) for r in range(ranks)]
    assert len({len(loader) for loader in loaders}) == 1
    parts = [Batch.join(list(loader)).label.flatten() for loader in loaders]
    assert len({len(part) for part in parts}) == 1
    rows = torch.stack(parts).unsqueeze(-1)
    assert loaders[0].in_order(rows).flatten().tolist() == cached.label.tolist()


def test_a_batch_must_be_shared_evenly(small: Path) -> None:
    cached = examples(Dataset.load(small), "train", ["cell-a"], 2_048)
    with pytest.raises(InputError, match="batch of 8 windows cannot be shared by 3 devices"):
        Batches(cached, 8, 1, seed=1, length=2_048, ranks=3)
