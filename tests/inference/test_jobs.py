"""Jobs run once per key, report progress, stop when asked, and keep their errors."""

import threading

import pytest

from seq2exp.errors import InputError
from seq2exp.inference.jobs import JobBoard


def test_a_key_runs_once_and_keeps_its_result():
    board, calls = JobBoard(), []
    first = board.start("gene", lambda progress: calls.append(1) or "mask")
    assert first.wait(5) and first.state == "done" and first.fraction == 1.0
    again = board.start("gene", lambda progress: calls.append(2) or "other")
    assert again is first and again.result == "mask" and calls == [1]


def test_progress_is_seen_from_outside_and_stop_ends_the_work():
    board, reached, go = JobBoard(), threading.Event(), threading.Event()

    def work(progress):
        progress(0.25, "layer 1 of 4")
        reached.set()
        go.wait(5)
        progress(0.5, "layer 2 of 4")
        raise AssertionError("went on after stop")

    job = board.start("slow", work)
    assert reached.wait(5)
    assert (job.fraction, job.text, job.state) == (0.25, "layer 1 of 4", "running")
    job.stop()
    go.set()
    assert job.wait(5) and job.state == "stopped" and job.error is None


def test_newest_waiting_job_goes_first():
    board, go, order = JobBoard(workers=1), threading.Event(), []
    board.start("blocker", lambda progress: go.wait(5))
    while board.find("blocker").state == "waiting":
        pass
    jobs = [board.start(n, lambda progress, n=n: order.append(n)) for n in range(3)]
    go.set()
    assert all(job.wait(5) for job in jobs) and order == [2, 1, 0]


def test_errors_are_kept_and_only_unexpected_ones_raised_again():
    board = JobBoard()

    def fails(error):
        def work(progress):
            raise error

        return work

    bad_input = board.start(1, fails(InputError("no such file")))
    bug = board.start(2, fails(ZeroDivisionError()))
    assert bad_input.wait(5) and bug.wait(5)
    assert bad_input.state == bug.state == "failed"
    bad_input.raise_if_unexpected()
    with pytest.raises(ZeroDivisionError):
        bug.raise_if_unexpected()
    board.forget(1)
    assert board.start(1, lambda progress: "fine now").wait(5)
    assert board.find(1).result == "fine now"


def test_only_finished_jobs_are_forgotten():
    board, go = JobBoard(workers=2, keep=2), threading.Event()
    slow = board.start("slow", lambda progress: go.wait(5))
    for n in range(5):
        assert board.start(n, lambda progress: None).wait(5)
    assert board.find("slow") is slow
    assert board.find(0) is None and board.find(4) is not None
    go.set()
    assert slow.wait(5)


def test_a_job_that_is_looked_at_again_and_again_is_not_forgotten():
    board = JobBoard(keep=2)
    shown = board.start("shown", lambda progress: "table")
    assert shown.wait(5)
    for n in range(4):
        assert board.find("shown") is shown
        assert board.start(n, lambda progress: None).wait(5)
    assert board.find("shown") is shown and board.find(0) is None


def test_the_time_left_is_told_once_enough_is_done():
    board, reached, go = JobBoard(), threading.Event(), threading.Event()

    def work(progress):
        progress(0.25, "a quarter")
        reached.set()
        go.wait(5)

    job = board.start("long", work)
    assert reached.wait(5)
    assert job.seconds_left is None  # it has just begun
    job._started -= 30
    assert job.seconds_left == pytest.approx(90, rel=0.2)
    job.report(0.01, "hardly begun")
    assert job.seconds_left is None
    go.set()
    assert job.wait(5) and job.seconds_left is None
