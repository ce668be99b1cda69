"""Hubs kept in the cache folder by what they are made from, each in a folder of its own."""

import os
import shutil
from collections.abc import Hashable
from hashlib import sha256
from pathlib import Path

from seq2exp import files
from seq2exp.export.hub_text import file_name

#: Hubs that are kept; the one that was not used for longest goes first.
KEPT = 12


def hubs_dir() -> Path:
    """Return where hubs are kept: ``hubs`` in the cache folder."""
    return files.cache_dir() / "hubs"


class HubShelf:
    """Where the app keeps its hubs, for downloads and for its server.

    Parameters
    ----------
    folder
        None: `hubs_dir`.
    keep
        How many hubs stay.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, keep: int = KEPT) -> None:
        self.folder = hubs_dir() if folder is None else Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keep = keep

    def place(self, key: Hashable, name: str) -> Path:
        """Return the folder of a hub, to be written by `write_hub`; make room for it.

        Parameters
        ----------
        key
            All that the hub depends on; its ``repr`` tells hubs apart.
        name
            What the hub's folder is called, in a zip file, too.
        """
        slot = self.folder / sha256(repr(key).encode()).hexdigest()[:32]
        slot.mkdir(exist_ok=True)
        os.utime(slot)
        others = sorted(self.folder.iterdir(), key=lambda one: one.stat().st_mtime_ns)
        for old in others[: max(len(others) - self._keep, 0)]:
            shutil.rmtree(old, ignore_errors=True)
        return slot / file_name(name)

    def touch(self, hub: Path) -> None:
        """Note that a hub is in use."""
        os.utime(hub.parent)

    def address(self, hub: Path, base_url: str) -> str:
        """Return where a hub is, with a slash at the end, if the shelf is served at `base_url`."""
        return f"{base_url.rstrip('/')}/{hub.relative_to(self.folder).as_posix()}/"
