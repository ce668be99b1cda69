"""What is imported must not keep a processor busy: the app stands open all day."""

import subprocess
import sys

IDLE = """
import time
import hictkpy, pyBigWig, pyfaidx, torch
import seq2exp.datasets.catalog, seq2exp.inference.predictor, seq2exp.tracks.peaks
begun = time.process_time()
time.sleep(1.5)
print(time.process_time() - begun)
"""


def test_nothing_runs_behind_an_idle_process():
    done = subprocess.run([sys.executable, "-c", IDLE], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.3
