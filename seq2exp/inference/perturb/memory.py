"""What experiments keep: results by content, up to a number of them, for one process."""

import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, ClassVar

import numpy as np

from seq2exp.genome.window import Window
from seq2exp.inference.predictor import Predictor


class Kept:
    """Entries by key; of more than `most` the longest unused go first. Threads may share one."""

    _all: ClassVar["weakref.WeakSet[Kept]"] = weakref.WeakSet()

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()
        Kept._all.add(self)

    def get(self, key: Hashable) -> Any:
        """Return the entry of `key`; None where there is none."""
        with self._lock:
            if key not in self._entries:
                return None
            self._entries.move_to_end(key)
            return self._entries[key]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep an entry."""
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)

    def __len__(self) -> int:
        """Return how many entries there are."""
        return len(self._entries)

    @classmethod
    def forget(cls) -> None:
        """Drop all entries of all that there are."""
        for kept in list(cls._all):
            with kept._lock:
                kept._entries.clear()


_weights: "weakref.WeakKeyDictionary[Predictor, str]" = weakref.WeakKeyDictionary()


def weights_digest(predictor: Predictor) -> str:
    """Return the sha256 (hex) of a model's settings and weights; made once for each predictor."""
    if predictor not in _weights:
        total = hashlib.sha256(f"{type(predictor.model)} {predictor.config}".encode())
        for name, value in sorted(predictor.model.state_dict().items()):
            total.update(name.encode())
            total.update(value.detach().cpu().contiguous().numpy().data)
        _weights[predictor] = total.hexdigest()
    return _weights[predictor]


def window_digest(window: Window) -> str:
    """Return the sha256 (hex) of what a network is given and of where it lies."""
    total = hashlib.sha256(f"{window.interval.chrom} {window.interval.start}".encode())
    for values in (window.codes, window.signals, window.blacklist, window.features):
        total.update(np.ascontiguousarray(values).data)
    return total.hexdigest()
