"""A study's plan: what its entries become, and what is refused."""

import json

import pytest

from seq2exp.analysis.study.reading import load_plan
from seq2exp.errors import InputError

PLAN = """\
title: A study
about: |
  Of two
  lines.
defaults: {preset: tiny, steps: 40, cells: [a]}
runs:
  - {id: soft, group: system, reason: Published., model: seq2exp-soft, seeds: [1, 2]}
  - {id: again, group: system, reason: On it., model: seq2exp-retrain, seeds: [2, 1], from: soft}
  - {id: one, group: system, reason: One., model: caduceus-signals, seed: 7, steps: 5, cells: [b]}
  - id: strict
    group: ablation
    base: soft
    reason: More of it.
    model: seq2exp-soft
    seed: 1
    set: {kl_weight: 0.1, ramp: [0, 0.5]}
    lr: 0.01
notes:
  - Nothing helped.
  - {text: It closed., runs: [strict, soft-s1, soft]}
"""


@pytest.fixture
def write(tmp_path):
    def written(text):
        path = tmp_path / "plan.yaml"
        path.write_text(text)
        return path

    return written


def test_entries_become_runs(write):
    plan = load_plan(write(PLAN))
    assert plan.title == "A study" and plan.about == "Of two lines."
    assert [run.id for run in plan.runs] == [
        *("soft-s1", "soft-s2", "again-s2", "again-s1", "one", "strict")
    ]
    assert {name: len(runs) for name, runs in plan.settings.items()} == {
        **{"soft": 2, "again": 2, "one": 1, "strict": 1}
    }
    again = plan.run("again-s1")
    assert again.source == "soft-s1" and again.seed == 1 and again.model == "seq2exp-retrain"
    one, strict = plan.run("one"), plan.run("strict")
    assert one.wishes.steps == 5 and one.cells == ("b",) and one.seed == 7
    assert strict.wishes.steps == 40 and strict.wishes.lr == 0.01 and strict.cells == ("a",)
    assert strict.switches == {"kl_weight": 0.1, "ramp": [0, 0.5]}
    assert [note.text for note in plan.notes] == ["Nothing helped.", "It closed."]
    assert plan.notes[1].runs == ("strict", "soft-s1", "soft")


def test_what_an_ablation_changes_is_worked_out(write):
    plan = load_plan(write(PLAN))
    assert plan.changes(plan.run("strict")) == {
        "kl_weight": (0.01, 0.1),
        "ramp": ([0.0, 0.0], [0, 0.5]),
        "lr": (None, 0.01),
    }
    assert plan.changes(plan.run("soft-s1")) == {}


def test_runs_are_chosen_by_id_or_setting(write):
    plan = load_plan(write(PLAN))
    assert [run.id for run in plan.chosen(["again", "soft-s2"])] == [
        *("soft-s2", "again-s2", "again-s1")
    ]
    assert plan.chosen([]) == list(plan.runs)
    with pytest.raises(InputError, match=r"no run 'sott'; did you mean 'soft'"):
        plan.chosen(["sott"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("group: ablation", "group: ablations", "'ablations' is no group"),
        ("    base: soft\n", "", "name the setting it differs from"),
        ("    base: soft\n", "    base: later\n", "base 'later' does not stand before it"),
        ("from: soft}", "from: one}", "no run 'one' of seed 2"),
        (", from: soft}", "}", "needs a 'from'"),
        ("kl_weight: 0.1", "kl_wait: 0.1", "run strict: Unknown model setting 'kl_wait'"),
        ("    lr: 0.01", "    rl: 0.01", "unknown key 'rl'"),
        ("steps: 40", "seed: 40", "defaults has the unknown key 'seed'"),
        ("model: seq2exp-soft, seeds: [1, 2]", "model: seq2exp-soft", "either a seed or a list"),
        ("id: strict", "id: one", "two runs 'one'"),
        ("reason: One., ", "", "run one needs a reason"),
        ("model: caduceus-signals", "model: caduceus-signal", "Unknown model 'caduceus-signal'"),
        ("runs: [strict", "runs: [strikt", "names the run 'strikt'; did you mean 'strict'"),
        ("runs:\n  - {id: soft", "rums:\n  - {id: soft", "needs a list of runs"),
        ("title: A study", "title: [", "cannot be read"),
        ("seeds: [1, 2]", "seeds: []", "either a seed or a list of seeds"),
        ("seeds: [1, 2]", "seeds: [x]", "run soft: The seed is 'x'"),
        ("seeds: [1, 2]", "seeds: [-1]", "run soft: The seed is -1"),
        ("seeds: [1, 2]", "seeds: 2", "its seeds is 2; write a list"),
        ("seed: 7", "seed: 1.5", "run one: The seed is 1.5"),
        ("set: {kl_weight: 0.1, ramp: [0, 0.5]}", "set: [1]", r"its set is \[1\]; write names"),
        ("set: {kl_weight: 0.1,", "set: {kl_weight: high,", "run strict: Model setting kl_weight"),
        ("    base: soft\n", "    base: [soft]\n", "its base is .*; write a text"),
        ("cells: [b]", "cells: b", "its cells is 'b'; write a list of names"),
        ("    lr: 0.01", "    lr: 1e-2", "run strict: The training's setting lr is '1e-2'"),
        ("    lr: 0.01", "    judge: 0", "run strict: No network is judged on 0 windows"),
        ("id: strict", "id: ../strict", "id '../strict' cannot name a file"),
        ("id: strict", "id: .strict", "id '.strict' cannot name a file"),
        ("id: strict", "id: a/b", "id 'a/b' cannot name a file"),
        ("runs: [strict, soft-s1, soft]", "runs: strict", "a note's runs are 'strict'"),
    ],
)
def test_what_is_no_plan_is_said(write, old, new, message):
    assert old in PLAN
    with pytest.raises(InputError, match=message):
        load_plan(write(PLAN.replace(old, new, 1)))


def test_a_plan_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"no plan .*none\.yaml"):
        load_plan(tmp_path / "none.yaml")


def test_the_study_of_the_project_is_a_plan():
    from seq2exp.analysis.results import benchmarks_dir
    from seq2exp.model.registry import NAMES

    plan = load_plan(benchmarks_dir() / "demo-study.yaml")
    systems = {run.model for run in plan.runs if run.group == "system"}
    assert systems == set(NAMES)
    assert {run.group for run in plan.runs} == {"system", "prior", "ablation"}
    for run in plan.runs:
        assert run.group == "system" or plan.changes(run), f"{run.id} is its base"
    json.dumps([run.options() for run in plan.runs])
