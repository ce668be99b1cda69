"""The one error a user can cause."""


class InputError(Exception):
    """What the user gave cannot be used.

    ``str(error)`` is one sentence that names the file or value and the fix. The command line prints
    it on stderr and exits with 2; the pages show it in place. Nothing else is caught on the way, so
    a traceback always means a bug.
    """
