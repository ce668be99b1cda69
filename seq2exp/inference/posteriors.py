"""Posteriors of masks, kept on disk: the generator runs once for a gene, whoever asks again.

A posterior depends on the data set, the cell type, the gene with its TSS, and the network, and on
nothing that can be turned afterwards (prior, rule, threshold).
"""

import os
import zipfile
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

import numpy as np

from seq2exp import files
from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.annotation import Gene
from seq2exp.genome.window import Window
from seq2exp.model.beta import SOURCES, BetaPrior, MaskPosterior
from seq2exp.model.checkpoint import ModelEntry

#: Bytes that all kept posteriors may take together, some 5,000 of 200,000 bp.
LIMIT = 8_000_000_000
#: How many are added before the total is looked at again.
_ROUND = 32
# Goes up when what a file holds, or what a network says without its weights changing, changes.
_FORMAT = 1


def posteriors_dir() -> Path:
    """Return where posteriors are kept: ``posteriors`` in the cache folder."""
    return files.cache_dir() / "posteriors"


class PosteriorStore:
    """The posteriors that one network found in one cell type of one data set.

    Safe to share: files are written whole or not at all, and a damaged one counts as missing.

    Parameters
    ----------
    dataset, cell, model
        The data set's digest, the cell type's name, and what tells networks apart by content.
    folder
        Where the posteriors of all networks lie; None: `posteriors_dir`.
    limit
        Bytes that `folder` may hold; those that were not used for longest go first.
    """

    def __init__(
        self,
        dataset: str,
        cell: str,
        model: str,
        folder: str | os.PathLike[str] | None = None,
        limit: int = LIMIT,
    ) -> None:
        self._all = posteriors_dir() if folder is None else Path(folder)
        key = sha256("\n".join((str(_FORMAT), dataset, cell, model)).encode()).hexdigest()
        self._folder = self._all / key[:32]
        self._limit = limit
        self._added = 0

    @classmethod
    def of(cls, dataset: Dataset, cell: str, model: ModelEntry) -> "PosteriorStore":
        """Return the store of a model's masks in a cell type: by contents, wherever files lie."""
        return cls(dataset.cell_digests[cell], cell, model.content)

    def missing(self, genes: Iterable[Gene]) -> list[Gene]:
        """Return those of the genes whose posterior is not kept, in their order."""
        known = {path.name for path in self._folder.glob("*.npz")}
        return [gene for gene in genes if self._path(gene).name not in known]

    def load(self, window: Window) -> MaskPosterior | None:
        """Return the posterior of a window under the prior of training; None where none is kept.

        What its sources contributed is not kept: `MaskPosterior.evidence` is NaN.
        """
        path = self._path(window.gene)
        try:
            # numpy leaves a damaged file that it opened itself open.
            with path.open("rb") as file, np.load(file) as kept:
                found = MaskPosterior(
                    alpha=kept["alpha"],
                    beta=kept["beta"],
                    prior=BetaPrior(*kept["prior"].tolist()),
                    evidence=np.broadcast_to(np.float32(np.nan), (window.length, len(SOURCES))),
                    forced_open=slice(*kept["forced_open"].tolist()),
                    closed=kept["closed"],
                )
            os.utime(path)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return found if len(found) == window.length else None

    def get(
        self,
        window: Window,
        find: Callable[[Window], MaskPosterior],
        known: Callable[[Window], MaskPosterior | None] | None = None,
    ) -> MaskPosterior:
        """Return the posterior of a window; what was not kept is found, and kept.

        Parameters
        ----------
        find
            Runs the network.
        known
            A posterior that somebody else has, under the prior of training, or None; asked first.
        """
        posterior = self.load(window)
        if posterior is None:
            posterior = None if known is None else known(window)
            if posterior is None:
                posterior = find(window)
            self.save(window, posterior)
        return posterior

    def save(self, window: Window, posterior: MaskPosterior) -> None:
        """Keep the posterior that the network found for a window; a full disk is no error."""
        try:
            with files.atomic_path(self._path(window.gene)) as draft:
                np.savez(
                    draft,
                    alpha=posterior.alpha,
                    beta=posterior.beta,
                    prior=np.array(posterior.prior, np.float64),
                    forced_open=[posterior.forced_open.start, posterior.forced_open.stop],
                    closed=posterior.closed,
                )
        except OSError:
            return
        if self._added % _ROUND == 0:
            self._make_room()
        self._added += 1

    def _path(self, gene: Gene) -> Path:
        name = sha256(f"{gene.id}\n{gene.tss}".encode()).hexdigest()
        return self._folder / f"{name[:32]}.npz"

    def _make_room(self) -> None:
        """Drop what was not used for longest until the rest fits the limit."""
        found = []
        for path in self._all.glob("*/*.npz"):
            try:
                status = path.stat()
            except FileNotFoundError:  # another process drops it, too
                continue
            found.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._limit:
                return
            path.unlink(missing_ok=True)
            total -= size
