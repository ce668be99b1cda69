"""Work that outlives a page's rerun: started once, watched by many, stoppable.

A page must never wait for a model or a peak caller with a frozen screen. It asks a `JobBoard` for
the job of a key; the board starts the work in a worker thread the first time, and every later rerun
(of any browser session) finds the same job with its progress or its result.
"""

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol

from seq2exp.errors import InputError

#: Before this much is done, nothing is said of how long the rest takes.
_TELLING_SECONDS = 3.0
_TELLING_FRACTION = 0.02


class Progress(Protocol):
    """What the work calls now and then; it raises `Stopped` once the user asked to stop."""

    def __call__(self, fraction: float, text: str) -> None:
        """Say how far the work is (`fraction` in 0..1) and what it does."""


class Stopped(Exception):
    """Raised inside the work, at its next progress call, after `Job.stop`."""


class Job:
    """One piece of work and what is known of it.

    Attributes
    ----------
    fraction : float
        How far the work is, 0 to 1.
    text : str
        What it does now, for the screen.
    state : str
        ``"waiting"``, ``"running"``, ``"done"``, ``"failed"`` or ``"stopped"``.
    result : Any
        What the work returned, once the state is ``"done"``.
    error : Exception or None
        What it raised, once the state is ``"failed"``.
    seconds : float
        How long it ran (so far).
    """

    def __init__(self, key: Hashable, work: Callable[[Progress], Any]) -> None:
        self.key = key
        self.fraction = 0.0
        self.text = "waiting for its turn"
        self.state = "waiting"
        self.result: Any = None
        self.error: Exception | None = None
        self._work = work
        self._stop = threading.Event()
        self._finished = threading.Event()
        self._started = 0.0
        self._ended = 0.0

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to this job."""
        return self._finished.is_set()

    @property
    def seconds(self) -> float:
        """How long the work ran, in seconds; 0 before its start."""
        if not self._started:
            return 0.0
        return (self._ended or time.monotonic()) - self._started

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the pace so far; None while too little is done to tell."""
        if self.over or self.seconds < _TELLING_SECONDS or self.fraction < _TELLING_FRACTION:
            return None
        return self.seconds * (1 - self.fraction) / self.fraction

    def stop(self) -> None:
        """Ask the work to stop at its next progress call."""
        self._stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job is over; return whether it is."""
        return self._finished.wait(timeout)

    def run(self) -> None:
        """Do the work in the calling thread and keep what came of it."""
        self._started = time.monotonic()
        try:
            self.report(0.0, "starting")
            self.state = "running"
            self.result = self._work(self.report)
            self.fraction, self.state = 1.0, "done"
        except Stopped:
            self.state = "stopped"
        except Exception as error:
            # The page that watches the job shows or raises it; the worker thread must live on.
            self.error, self.state = error, "failed"
        finally:
            self._ended = time.monotonic()
            self._finished.set()

    def report(self, fraction: float, text: str) -> None:
        """Keep the progress of the work; the `Progress` that it is given."""
        if self._stop.is_set():
            raise Stopped
        self.fraction, self.text = min(max(fraction, 0.0), 1.0), text

    def raise_if_unexpected(self) -> None:
        """Raise the error of a failed job unless the user caused it (`InputError`)."""
        if self.error is not None and not isinstance(self.error, InputError):
            raise self.error


class JobBoard:
    """Jobs by key, run by a few worker threads, the newest first.

    Newest first, because somebody who clicks through ten genes waits for the last.

    Parameters
    ----------
    workers : int
        How many jobs run at once.
    keep : int
        How many jobs are remembered; the longest unused of those that are over go first.
    """

    def __init__(self, workers: int = 1, keep: int = 32) -> None:
        self._jobs: OrderedDict[Hashable, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._queue: queue.LifoQueue[Job] = queue.LifoQueue()
        self._keep = keep
        for number in range(workers):
            threading.Thread(target=self._work, name=f"job-{number}", daemon=True).start()

    def start(self, key: Hashable, work: Callable[[Progress], Any]) -> Job:
        """Return the job of `key`, starting `work` if there is none yet."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                job = self._jobs[key] = Job(key, work)
                self._queue.put(job)
                self._forget_old()
            self._jobs.move_to_end(key)
            return job

    def find(self, key: Hashable) -> Job | None:
        """Return the job of `key`, if there is one; to look at it is to use it."""
        with self._lock:
            job = self._jobs.get(key)
            if job is not None:
                self._jobs.move_to_end(key)
            return job

    def forget(self, key: Hashable) -> None:
        """Drop the job of `key`, so that the next `start` begins anew."""
        with self._lock:
            job = self._jobs.pop(key, None)
        if job is not None:
            job.stop()

    def _forget_old(self) -> None:
        for key in [key for key, job in self._jobs.items() if job.over]:
            if len(self._jobs) <= self._keep:
                return
            del self._jobs[key]

    def _work(self) -> None:
        while True:
            self._queue.get().run()
