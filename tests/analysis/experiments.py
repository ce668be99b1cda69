"""Small windows and networks of the inference tests, for tests of what is made of them."""

import importlib.util
from pathlib import Path

import numpy as np

from seq2exp.genome.locus import Interval
from seq2exp.inference.predictor import Predictor

_spec = importlib.util.spec_from_file_location(
    "windows_for_analysis", Path(__file__).parents[1] / "inference" / "windows.py"
)
_windows = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_windows)
make_window, make_model = _windows.make_window, _windows.make_model
TSS, PROMOTER = _windows.TSS, _windows.PROMOTER

#: A soft network whose distal bases reach the head, as in Seq2Exp-coupled.
COUPLED = {
    **{"mask_at": "layers", "pooling": "all", "pool_bases": 50.0, "generator_inputs": "all"},
    **{"smooth": 5, "signal_smooth": (11, 1, 1)},
}


def make_predictor(folder, kind, **changes):
    """Write and open a tiny random network: "soft", "hard" or "coupled"."""
    path = folder / f"{kind}.safetensors"
    own = COUPLED if kind == "coupled" else {}
    make_model(path, "hard" if kind == "hard" else "soft", **{**own, **changes})
    return Predictor(path, device="cpu")


def at(window, first, last):
    """Indices of a window as an interval."""
    start = window.interval.start
    return Interval(window.interval.chrom, start + first, start + last)


def expression(predictor, window, mask):
    """The prediction under a mask, by the predictor's plain call."""
    return predictor.express(window, np.asarray(mask, np.float32))
