"""Running trained models: one window at a time, and as work in the background."""

from seq2exp.inference.jobs import Job, JobBoard, Stopped
from seq2exp.inference.predictor import MaskRule, Prediction, Predictor

__all__ = ["Job", "JobBoard", "MaskRule", "Prediction", "Predictor", "Stopped"]
