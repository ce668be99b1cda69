"""Memory and growth with batch, each of which asks processes of its own."""

import pytest

from seq2exp.bench import model as bench
from seq2exp.bench.field import OURS, Options

SMALL = {"size": "tiny", "length": 2_000, "repeats": 2, "slow_repeats": 1, "peers": False}


def sections(**options):
    found = bench.sections(Options(**(SMALL | options)), lambda fraction, text: None)
    return {section.key: section for section in found}


def test_memory_is_that_of_processes_of_their_own():
    rows = sections(parts=("memory",))["memory"].rows
    assert [row.name for row in rows] == [
        f"{work}, {who}"
        for work in ("inference", "training step")
        for who in (OURS, "torch, torch scan")
    ]
    for row in rows:
        assert 50e6 < row.values["before"] < row.values["memory"] < 2e9


def test_growth_along_batch_leaves_out_what_does_not_fit():
    found = sections(parts=("batch",), batches=(1, 2, 10**7))
    for section in found.values():
        assert [row.values["batch"] for row in section.rows] == [1, 2]
        assert section.notes[-1] == "Not measured, for want of memory: 10,000,000."
        first, second = (row.values["median"] for row in section.rows)
        assert section.rows[1].values["growth"] == pytest.approx(second / first / 2)
