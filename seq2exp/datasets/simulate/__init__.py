"""A simulated genome with measurements and known regulation, in the formats of real data.

`plan` says what there is; `layout` places genes, `elements` plants what regulates and what only
looks so, `sequence`, `signals`, `contact` and `labels` make the data of a chromosome, `write` puts
them into files, `demo` makes the data set and caches it.
"""

from seq2exp.datasets.simulate.demo import demo_dataset, make_demo
from seq2exp.datasets.simulate.plan import CELLS, GENERATOR

__all__ = ["CELLS", "GENERATOR", "demo_dataset", "make_demo"]
