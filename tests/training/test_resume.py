"""Runs that are killed, by the system's own SIGKILL and at any moment, end like one that is not.

The moments are drawn at random; the seed they are drawn with is printed, and shown where a test
fails.
"""

import multiprocessing
import secrets
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from runs_for_tests import run

from seq2exp.errors import TERMINATED, InputError
from seq2exp.model.checkpoint import card_path, read_card
from seq2exp.training.logs import read_rows
from seq2exp.training.runfolder import FINISHED, SETTINGS, check_run, folder_of, open_run
from seq2exp.training.states import BEST, LAST, load_best

# Processes start from one that has imported everything, and never trained.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["runs_for_tests", "seq2exp.training.train"])


def work(small: Path, out: Path, resume: bool, changes: dict) -> None:
    torch.set_num_threads(1)
    run(small, out, resume=resume, **changes)


class Forked:
    """A run as a function in a process of its own."""

    def __init__(self, small: Path, out: Path, resume: bool, changes: dict) -> None:
        self.process = CONTEXT.Process(target=work, args=(small, out, resume, changes))
        self.process.start()

    def ended(self) -> int | None:
        return self.process.exitcode

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


class CommandLine:
    """A run as ``seq2exp train``."""

    def __init__(self, small: Path, out: Path, resume: bool, words: str) -> None:
        command = [Path(sys.executable).parent / "seq2exp", "train", "--dataset", small]
        command += ["--out", out, "--accelerator", "cpu", *words.split()]
        if resume:
            command.append("--resume")
        with open(out.parent / "said.txt", "w") as said:
            self.process = subprocess.Popen(command, stdout=said, stderr=said)

    def ended(self) -> int | None:
        return self.process.poll()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


VALIDATE_EVERY = 20
# What the shipped models were trained with: windows cut down first, then whole ones under the mask
# as it was, and slope and level set at the end.
TWO_PHASES = {
    "model": "seq2exp-coupled",
    "window": 4_096,
    "compact": 2_432,
    "steps": 2 * VALIDATE_EVERY,
    "validate_every": VALIDATE_EVERY,
    "finetune_steps": 4,
    "finetune_window": 3_000,
    "finetune_batch_size": 2,
    "finetune_mask": False,
    "calibrate": 4,
}
WORDS = f"""--preset tiny --seed 3 --set window=4096 --batch-size 4 --lr 0.02
    --steps {15 * VALIDATE_EVERY} --validate-every {VALIDATE_EVERY}
    --finetune-steps 30 --finetune-window 3000 --finetune-batch-size 2"""
CROPPED = "--window 2048"
CUT_DOWN = "--window 4096 --compact 2432 --background 0.2 --hold-mask --calibrate 4"


def starting(folder: Path) -> bool:
    """Whether the process has been started again."""
    return (folder / SETTINGS).exists()


def about_first_save(folder: Path) -> bool:
    """Whether steps are made, and no state was ever saved."""
    return not (folder / "first/last.ckpt").exists() and bool(read_rows(folder / "first/log.csv"))


def later_save(folder: Path) -> bool:
    """Whether a state is being written in place of another."""
    return (folder / "first/last.ckpt").exists() and any(folder.glob("*/.writing-*/last.ckpt"))


def validation(folder: Path) -> bool:
    """Whether the last thing that was written down is a step that is followed by a validation."""
    rows = read_rows(folder / "first" / "log.csv")
    if not rows or not rows[-1]["loss"]:
        return False
    return int(rows[-1]["step"]) % VALIDATE_EVERY == 0


def between_phases(folder: Path) -> bool:
    return (folder / "first" / FINISHED).exists() and not (folder / "longer/log.csv").exists()


def ending(folder: Path) -> bool:
    """Whether training is over, and its outcome is measured and written."""
    return (folder / "longer" / FINISHED).exists() and not (folder / FINISHED).exists()


LATER = 0.3  # most seconds from a moment to the kill


def attempt(
    start: Callable[[Path, bool], Forked | CommandLine],
    out: Path,
    rng: np.random.Generator | None = None,
    moments: Counter | None = None,
    patience: int | None = None,
) -> str:
    """Start or resume a run; return at what moment it was killed, "" where it came through.

    It is killed shortly after one of the `moments` that are left, or else, with `patience`, after
    up to so many rows of its log; without `rng` never.
    """
    folder = folder_of(out)
    before = rows_of(folder)
    process = start(out, (folder / SETTINGS).exists())
    moment, until, enough = "", np.inf, None
    while (code := process.ended()) is None:
        time.sleep(0.001)
        now = time.monotonic()
        if now >= until:
            process.kill()
            return moment
        if rng is None or moment:
            continue
        with suppress(FileNotFoundError):  # drafts come and go
            moment = next((wanted.__name__ for wanted in +moments if wanted(folder)), "")
            rows = rows_of(folder)
            if enough is None and patience is not None and rows != before:
                enough = len(rows) + rng.integers(patience + 1)
            if not moment and enough is not None and len(rows) >= enough:
                moment = "anywhere"
        if moment:
            until = now + rng.uniform(0, LATER)
            moments.subtract(wanted for wanted in [*moments] if wanted.__name__ == moment)
    assert code == 0
    return ""


def rows_of(folder: Path) -> list[dict[str, str]]:
    return [row for path in sorted(folder.glob("*/log.csv")) for row in read_rows(path)]


def outcome(out: Path) -> tuple[bytes, dict, list[str]]:
    """Return the weights, the metrics and the log of a finished run, but for its times."""
    card = read_card(card_path(out))
    rows = out.with_suffix(".log.csv").read_text().splitlines()
    log = [row.rpartition(",")[0] for row in rows]
    return out.read_bytes(), {**card["metrics"], "steps": card["trained_steps"]}, log


def kill_and_compare(
    start: Callable[[Path, bool], Forked | CommandLine],
    folder: Path,
    moments: dict[Callable[[Path], bool], int],
    kills: int,
) -> None:
    """Kill a run so often, at all the `moments` too; compare each end with that of a whole run."""
    seed = secrets.randbits(32)
    print(f"moments drawn with seed {seed}")
    rng = np.random.default_rng(seed)
    whole, cut = folder / "model.safetensors", folder / "again" / "model.safetensors"
    cut.parent.mkdir()
    attempt(start, whole)
    expected = outcome(whole)
    patience = len(rows_of(folder_of(whole))) // kills
    left, killed, ends = Counter(moments), Counter[str](), 0
    while killed.total() < kills or +left or not ends:
        more = killed.total() < kills
        moment = attempt(
            start, cut, rng if more or +left else None, left, patience if more else None
        )
        if moment:
            killed[moment] += 1
            continue
        assert outcome(cut) == expected
        assert not list(cut.parent.rglob(".writing-*"))
        ends += 1
        shutil.rmtree(cut.parent)
        cut.parent.mkdir()
    print(f"killed at {dict(killed)}, came to the same end {ends} time(s)")


def test_a_killed_run_ends_like_one_that_was_not(small: Path, tmp_path: Path) -> None:
    def start(out: Path, resume: bool) -> Forked:
        return Forked(small, out, resume, TWO_PHASES)

    kill_and_compare(start, tmp_path, {validation: 1}, kills=2)


def test_a_terminated_run_does_not_end_like_one_that_came_through(
    small: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model.safetensors"
    run = Forked(small, out, False, {"steps": 5_000, "validate_every": VALIDATE_EVERY})
    while not rows_of(folder_of(out)):
        assert run.ended() is None
        time.sleep(0.01)
    run.process.terminate()
    run.process.join()
    assert run.ended() == TERMINATED
    assert not out.exists()
    with pytest.raises(InputError, match="unfinished run"):
        check_run(out, {}, resume=False)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("model", "more"),
    [("seq2exp-soft", CROPPED), ("seq2exp-hard", CROPPED), ("seq2exp-coupled", CUT_DOWN)],
)
def test_twenty_kills(model: str, more: str, small: Path, tmp_path: Path) -> None:
    def start(out: Path, resume: bool) -> CommandLine:
        return CommandLine(small, out, resume, f"{WORDS} --model {model} {more}")

    moments = {about_first_save: 3, later_save: 2, validation: 3, between_phases: 2, ending: 2}
    kill_and_compare(start, tmp_path, {**moments, starting: 2}, kills=20)


def test_what_killed_runs_leave_is_told_from_what_must_not_be_lost(tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    folder = folder_of(out)
    (folder / ".writing-abc").mkdir(parents=True)  # killed before the settings were written
    check_run(out, {"seed": 1}, resume=False)
    with pytest.raises(InputError, match="no run to resume"):
        check_run(out, {"seed": 1}, resume=True)
    assert open_run(out, {"seed": 1}, resume=False) == folder
    assert [path.name for path in folder.iterdir()] == [SETTINGS]
    with pytest.raises(InputError, match="unfinished run"):
        check_run(out, {"seed": 1}, resume=False)
    check_run(out, {"seed": 1}, resume=True)
    # A finished one whose deletion was cut short.
    (folder / FINISHED).touch()
    (folder / SETTINGS).unlink()
    check_run(out, {"seed": 2}, resume=False)
    open_run(out, {"seed": 2}, resume=False)
    assert [path.name for path in folder.iterdir()] == [SETTINGS]


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        (SETTINGS, r"x\.training and start without resume"),
        (f"first/{LAST}", r"delete .*first, and a resumed run trains this phase again"),
        (f"first/{BEST}", r"delete .*first, and a resumed run trains this phase again"),
    ],
)
def test_what_is_damaged_is_not_resumed_from(name: str, fix: str, tmp_path: Path) -> None:
    out = tmp_path / "x.safetensors"
    folder = open_run(out, {"seed": 1}, resume=False)
    (folder / "first").mkdir()
    best = {"weights": {"a": torch.arange(5_000.0)}, "step": 3, "mse": 0.5}
    state = {"state_dict": best["weights"], "optimizer_states": [], "global_step": 3}
    torch.save(best, folder / "first" / BEST)
    torch.save(state, folder / "first" / LAST)
    check_run(out, {"seed": 1}, resume=True)
    whole = (folder / name).read_bytes()
    # Cut short, empty, and overwritten.
    for content in (whole[:-10], b"", b"\0" * len(whole)):
        (folder / name).write_bytes(content)
        with pytest.raises(InputError, match=f"damaged .*{fix}"):
            check_run(out, {"seed": 1}, resume=True)


def test_a_state_without_what_it_is_for_is_damaged(tmp_path: Path) -> None:
    torch.save({"weights": {}, "step": 3}, tmp_path / BEST)
    with pytest.raises(InputError, match="has no mse"):
        load_best(tmp_path / BEST)
    with pytest.raises(InputError, match=r"There is no .*last\.ckpt"):
        load_best(tmp_path / LAST)
