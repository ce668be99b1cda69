"""The authors' data folder, as they published it (Hugging Face data set ``xingyusu/GeneExp``).

`layout` finds its files and says which data set they make; `tables` joins their tables into one
expression table a cell type, `blacklist` and `peaks` turn their masks into intervals, and `contact`
reads their Hi-C profiles in place. What is derived is small and kept in the cache folder; nothing
is written into the authors' folder.
"""

from seq2exp.datasets.released.contact import ContactProfiles
from seq2exp.datasets.released.layout import is_released, released_spec

__all__ = ["ContactProfiles", "is_released", "released_spec"]
