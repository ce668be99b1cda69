"""Turns, medians, the most memory, and what a machine has left."""

import time

import numpy as np
import pytest

from seq2exp.bench import machine
from seq2exp.bench.measure import Contender, Timing, peak_memory, stage, time_in_turns


def test_contenders_take_turns_after_all_have_warmed_up():
    done = []

    def contender(name, repeats, **more):
        return Contender(name, lambda: done.append(name), repeats, **more)

    said = []
    timings = time_in_turns(
        [
            contender("A", 3),
            contender("B", 1, warm_up=lambda: done.append("b"), scale=4.0, note="short"),
            contender("C", 2),
        ],
        lambda fraction, text: said.append((fraction, text)),
    )
    assert done == ["A", "b", "C", *"ABC", *"AC", "A"]
    assert [(name, len(timing.seconds)) for name, timing in timings.items()] == [
        ("A", 3),
        ("B", 1),
        ("C", 2),
    ]
    assert timings["B"].scale == 4.0 and timings["B"].note == "short"
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    assert said[3] == (pytest.approx(3 / 9), "A, 1 of 3")


def test_the_clock_runs_while_the_contender_does():
    timing = time_in_turns([Contender("sleeper", lambda: time.sleep(0.02), 2)])["sleeper"]
    assert all(second >= 0.02 for second in timing.seconds)


def test_names_are_different():
    with pytest.raises(ValueError, match="same name"):
        time_in_turns([Contender("A", list, 1), Contender("A", list, 1)])


@pytest.mark.parametrize("count", [4, 5, 8])
def test_medians_and_quartiles_are_those_of_numpy(count):
    seconds = np.random.default_rng(count).random(count)
    timing = Timing("A", tuple(seconds), scale=3.0)
    low, middle, high = np.percentile(seconds, [25, 50, 75]) * 3
    assert timing.median == pytest.approx(middle)
    assert timing.quartiles == pytest.approx((low, high))


def test_few_repeats_show_their_range():
    assert Timing("A", (3.0, 1.0, 2.0), scale=2.0).quartiles == (2.0, 6.0)


def test_stages_have_names():
    said = []
    stage(lambda fraction, text: said.append((fraction, text)), "forward")(0.5, "A, 1 of 2")
    assert said == [(0.5, "forward: A, 1 of 2")]


def test_peak_memory_is_that_of_the_task_and_not_of_who_asks():
    here = np.ones(100_000_000)  # 800 MB, which getrusage would hand down to the child
    found = peak_memory(np.full, shape=[40_000_000], fill_value=1.0)  # 320 MB
    assert found.total - found.before == pytest.approx(320e6, rel=0.05)
    assert found.before < here.nbytes


def test_a_task_that_fails_says_why():
    with pytest.raises(RuntimeError, match=r"numpy:full failed.*negative dimensions"):
        peak_memory(np.full, shape=[-1], fill_value=1.0)


def test_a_machine_is_described():
    found = machine.describe("cpu")
    assert found["torch"] and found["gpu"] is None
    assert 1 <= found["threads"] and 1 <= found["cores"]
    assert 0 < machine.available_memory() <= machine.total_memory() == found["memory"]


def test_the_longest_that_fits():
    room = machine.available_memory()
    assert machine.longest_that_fits(lambda length: 0, 200_002) == 200_002
    # 40 % of what there is for the whole, so the half of three times as much does not fit either.
    assert machine.longest_that_fits(lambda length: 0.4 * room * length / 50_000, 50_000) == 50_000
    found = machine.longest_that_fits(lambda length: 3 * room * length / 50_000, 50_000)
    assert found == 12_500
    assert machine.longest_that_fits(lambda length: 1e30, 10_002) == 2_500
