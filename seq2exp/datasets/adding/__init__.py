"""Adding one's own cell type to a data set: its files are checked first, then kept in a YAML.

`examine` fetches and checks what is given, `Store` keeps what was accepted and takes it out again.
"""

from seq2exp.datasets.adding.examine import examine
from seq2exp.datasets.adding.given import ROLES, Given
from seq2exp.datasets.adding.report import Check, Report
from seq2exp.datasets.adding.store import Store

__all__ = ["ROLES", "Check", "Given", "Report", "Store", "examine"]
