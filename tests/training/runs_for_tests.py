"""Whole runs, small enough for tests."""

from pathlib import Path

from seq2exp.training.devices import Devices
from seq2exp.training.phases import Wishes
from seq2exp.training.train import train

WINDOW = 2_048


def run(small: Path, out: Path, **changes: object) -> Path:
    """Train a tiny network for 16 steps on the CPU, unless told otherwise."""
    settings: dict = {
        "preset": "tiny",
        "cells": ["cell-a", "cell-b"],
        "seed": 3,
        "switches": {"window": 4_096},
        "progress": silent,
    }
    wishes: dict = {
        "steps": 16,
        "batch_size": 4,
        "window": WINDOW,
        "lr": 2e-2,
        "validate_every": 6,
    }
    devices: dict = {"accelerator": "cpu"}
    for name, value in changes.items():
        if name in Wishes.__dataclass_fields__:
            wishes[name] = value
        elif name in Devices.__dataclass_fields__:
            devices[name] = value
        else:
            settings[name] = value
    return train(small, out, wishes=Wishes(**wishes), devices=Devices(**devices), **settings)


def silent(fraction: float, text: str) -> None:
    """Report nothing."""
