"""Logs: thinned to a size, and read for what moved the mask."""

import csv

import pytest
from example_results import LOG

from seq2exp.analysis.cards import read_log
from seq2exp.analysis.study.collect import thinned
from seq2exp.analysis.study.gradients import gradient_rows, gradients_at
from seq2exp.analysis.study.plan import Run
from seq2exp.training.logs import COLUMNS


def long_log(phases=(400, 300), every=20):
    """A log with a row a step, a validation every so many, and gradients before the first."""
    lines = [",".join(COLUMNS)]
    for phase, steps in enumerate(phases):
        lines.append(f"0,,,,,,,,,,{1e-9},{1e-5},0")
        for step in range(1, steps + 1):
            lines.append(f"{step},0.001,{phase + step},0.5,,0.25,0.1,,,,,,{step}")
            if step % every == 0:
                lines.append(f"{step},,,,,,,0.{step},0.4,0.5,{step}e-9,{1e-5},{step}")
    return "\r\n".join(lines) + "\r\n"


def rows_of(text):
    return list(csv.DictReader(text.splitlines()))


def test_a_short_log_stays_as_it_is():
    assert thinned(LOG, 10_000) == LOG


def test_training_is_joined_and_measurements_stay():
    text = long_log()
    kept = thinned(text, 12_000)
    assert 6_000 < len(kept.encode()) <= 12_000
    before, after = rows_of(text), rows_of(kept)
    measured = [row for row in before if row["grad_prediction"]]
    assert [row for row in after if row["grad_prediction"]] == measured
    joined = [row for row in after if not row["grad_prediction"]]
    assert sum(float(row["loss"]) for row in joined) > 0
    width = int(joined[0]["step"])
    assert width > 1
    assert float(joined[0]["loss"]) == pytest.approx(sum(range(1, width + 1)) / width)
    assert joined[0]["sparsity"] == ""
    assert joined[-1]["step"] == "300" and joined[-1]["seconds"] == "300"


def test_measurements_go_where_nothing_else_does():
    text = long_log(phases=(400,), every=1)
    kept = rows_of(thinned(text, 4_000))
    assert len(thinned(text, 4_000).encode()) <= 4_000
    measured = [row for row in kept if row["grad_prediction"]]
    assert measured[0]["step"] == "0" and measured[-1]["step"] == "400"
    assert 2 < len(measured) < 100


def test_a_thinned_log_has_the_same_phases(tmp_path):
    path = tmp_path / "a.log.csv"
    path.write_text(thinned(long_log(), 9_000))
    log = read_log(path)
    assert log["phase"].max() == 1 and log["step"].iloc[-1] == 700
    assert log["step"].is_monotonic_increasing


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "example.log.csv"
    path.write_text(LOG)
    return read_log(path)


def test_gradients_are_those_of_the_nearest_measurement(log):
    # Steps of both phases count on: 100, 200 and 250 are measured.
    assert gradients_at(log, 0.0) == (0.01, 0.2)
    assert gradients_at(log, 0.7) == (0.02, 0.1)
    assert gradients_at(log, 1.0) == (0.015, 0.08)


def test_the_gradients_table(log):
    def run(name, setting):
        kind = {"group": "system", "reason": "", "model": "seq2exp-soft", "preset": "tiny"}
        return Run(id=name, setting=setting, seed=1, **kind)

    settings = {
        "soft": [run("a", "soft"), run("b", "soft")],
        "caduceus": [run("c", "caduceus")],
        "absent": [run("d", "absent")],
    }
    other = log.assign(grad_prediction=log["grad_prediction"] * 3)
    silent = log.assign(grad_prediction=float("nan"), grad_sparsity=float("nan"))
    rows = gradient_rows(settings, {"a": log, "b": other, "c": silent})
    assert [row["Gradient"] for row in rows] == ["prediction", "sparsity", "ratio"]
    assert {row["Setting"] for row in rows} == {"soft"} and rows[0]["Seeds"] == "2"
    assert [row["Start"] for row in rows] == ["2.0e-02", "2.0e-01", "1.0e-01"]
    assert [row["End"] for row in rows] == ["3.0e-02", "8.0e-02", "3.8e-01"]
