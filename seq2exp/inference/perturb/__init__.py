"""In-silico experiments: what a gene's prediction becomes where its window is edited."""

from seq2exp.inference.perturb.edits import Edit, Edited, apply_edits
from seq2exp.inference.perturb.experiment import Effect, Experiment

__all__ = ["Edit", "Edited", "Effect", "Experiment", "apply_edits"]
