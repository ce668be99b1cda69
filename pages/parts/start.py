"""What every page on a data set starts with."""

from pages.parts import controls, resources
from pages.parts.work import open_data
from seq2exp.datasets.catalog import Dataset
from seq2exp.model.checkpoint import ModelEntry


def start() -> tuple[Dataset, dict[str, ModelEntry]]:
    """Open the data set and the models with a mask; keep what a link asks in vain, to be shown."""
    resources.write_log()
    resources.settle()
    dataset = open_data()
    entries = resources.models()
    controls.explain_link(dataset, entries)
    return dataset, entries
