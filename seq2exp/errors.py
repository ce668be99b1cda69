"""The one error a user can cause, and the hint that ends its message where a name is unknown."""

import difflib
import signal
from collections.abc import Iterable

TERMINATED = 128 + signal.SIGTERM
"""Exit code of a process that was told to end, as shells say it."""


class InputError(Exception):
    """What the user gave cannot be used.

    ``str(error)`` is one sentence that names the file or value and the fix. The command line prints
    it on stderr and exits with 2; the pages show it in place. Nothing else is caught on the way, so
    a traceback always means a bug.
    """


def nearest(name: str, known: Iterable[object]) -> str:
    """Return a hint for a wrong name: the nearest known one, or all of them."""
    names = [str(item) for item in known]
    near = difflib.get_close_matches(name.lower(), [item.lower() for item in names], 1, 0.6)
    if near:
        return f"did you mean '{next(item for item in names if item.lower() == near[0])}'?"
    return f"it may be one of {', '.join(names)}."
