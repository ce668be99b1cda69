"""Open files that are safe to share between threads and to carry into worker processes."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Handle(Generic[T]):
    """One open file per process, used by one thread at a time.

    A file opened before a fork shares its position with the child, so two processes reading it
    would read each other's places; and a lock held at the fork stays held in the child. Both are
    made anew in the process that first uses them there.

    Parameters
    ----------
    open_file
        Opens the file; called once in each process, at first use.
    """

    def __init__(self, open_file: Callable[[], T]) -> None:
        self._open_file = open_file
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._file: T | None = None

    @contextmanager
    def use(self) -> Iterator[T]:
        """Yield the open file; other threads wait until the block is left."""
        if self._pid != os.getpid():
            self._pid, self._lock, self._file = os.getpid(), threading.Lock(), None
        with self._lock:
            if self._file is None:
                self._file = self._open_file()
            yield self._file
