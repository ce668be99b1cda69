"""Memory that is kept comes without page faults."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
if sys.argv[1] == "keep":
    from seq2exp.training.memory import keep_freed_memory
    assert keep_freed_memory()
def touch():
    torch.ones(20_000_000)
for _ in range(20):  # aligned blocks fit into freed ones only once some of them lie together
    touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(word: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, word], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_kept_memory_is_not_mapped_again():
    assert faults("return") > 1_000
    assert faults("keep") < 200
