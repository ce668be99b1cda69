"""Where added cell types are kept: a YAML that extends the data set, and the files it brought."""

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from seq2exp.datasets.extended import is_extended, open_spec
from seq2exp.datasets.schema import CellSpec, ContactSpec, ExpressionSpec, read_yaml
from seq2exp.errors import InputError
from seq2exp.files import atomic_path, data_dir, process_lock

_HEAD = "# Cell types added to another data set by Seq2Exp; the other one is left as it is.\n"
# Uploads and downloads that nobody accepted are taken away after so long.
_UNUSED_SECONDS = 2 * 24 * 3600


@dataclass(frozen=True)
class Store:
    """The cell types added to one data set.

    Attributes
    ----------
    path
        The YAML (`seq2exp.datasets.extended`); it is there while there is an added cell type.
    base, root
        The data set that it extends, and what that one's paths start from; empty: its own folder.
    """

    path: Path
    base: Path
    root: Path | None = None

    @classmethod
    def of(
        cls, base: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
    ) -> "Store":
        """Return the app's own store for a data set, in the data folder."""
        other, start = Path(base).resolve(), Path(root).resolve() if root else None
        key = hashlib.sha256(f"{other}\0{start or ''}".encode()).hexdigest()[:16]
        return cls(data_dir() / "added" / key / "dataset.yaml", other, start)

    @property
    def files(self) -> Path:
        """The folder of uploads, downloads and what was made of them."""
        return self.path.with_suffix(".files")

    def folder_of(self, name: str) -> Path:
        """Return the folder for one kept file, named by its content or address."""
        return self.files / name

    def keep(self, name: str, content: memoryview | bytes) -> Path:
        """Write an uploaded file into the store, whole, and return where it lies.

        Raises
        ------
        InputError
            Where it cannot be written.
        """
        plain = Path(name.replace("\\", "/")).name.strip(".") or "file"
        target = self.folder_of(hashlib.sha256(content).hexdigest()[:16]) / plain
        if not target.is_file():
            try:
                with atomic_path(target) as draft:
                    draft.write_bytes(content)
            except OSError as error:
                raise InputError(
                    f"Cannot keep {plain} in {self.files} ({error.strerror}); make room there."
                ) from None
        return target

    def tables(self) -> dict[str, Any]:
        """Return the added cell types as the YAML describes them, by name.

        Raises
        ------
        InputError
            Where a file of that name is something else, or extends another data set.
        """
        if not self.path.is_file():
            return {}
        if not is_extended(self.path):
            raise InputError(
                f"{self.path} is no list of added cell types (it has no 'extends'); "
                "name another file."
            )
        content = read_yaml(self.path)
        other = self.path.parent / str(content["extends"])
        if other.resolve() != self.base.resolve():
            raise InputError(
                f"{self.path} adds cell types to {other}, not to {self.base}; name another file."
            )
        cells = content.get("cells")
        return {str(name): table for name, table in dict(cells or {}).items()}

    def add(self, cell: CellSpec) -> None:
        """Add a cell type, or leave everything as it was.

        Raises
        ------
        InputError
            Where the data set has one of that name, or the YAML cannot be written.
        """
        with self._locked():
            tables = self.tables()
            if cell.name.lower() in {name.lower() for name in tables}:
                raise InputError(
                    f"{cell.name} has been added already; remove it first or take another name."
                )
            self._write({**tables, cell.name: as_table(cell)})
            self._tidy({**tables, cell.name: as_table(cell)}, ())

    def remove(self, name: str) -> None:
        """Take an added cell type out again, with the files that were kept for it alone.

        Files that it names elsewhere on this computer are left alone.

        Raises
        ------
        InputError
            Where no such cell type was added.
        """
        with self._locked():
            tables = self.tables()
            if name not in tables:
                raise InputError(f"{name} is no added cell type; it may have been removed already.")
            gone = tables.pop(name)
            if tables:
                self._write(tables)
            else:
                self.path.unlink()
            self._tidy(tables, self._kept([gone]))

    def _locked(self) -> Any:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return process_lock(self.path.with_suffix(".lock"))

    def _write(self, tables: Mapping[str, Any]) -> None:
        content: dict[str, Any] = {"extends": str(self.base)}
        if self.root is not None:
            content["root"] = str(self.root)
        content["cells"] = dict(tables)
        try:
            with atomic_path(self.path) as draft:
                draft.write_text(
                    _HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True),
                    encoding="utf-8",
                )
                open_spec(draft)  # refuses what could not be opened again
        except OSError as error:
            raise InputError(
                f"Cannot write {self.path} ({error.strerror}); make room there."
            ) from None

    def _kept(self, tables: Iterable[Any]) -> set[Path]:
        """Return the folders of the store that cell types refer to."""
        found = set()
        for table in tables:
            for value in dict(table).values():
                text = value.get("path") if isinstance(value, Mapping) else value
                with suppress(ValueError):
                    inside = Path(str(text)).relative_to(self.files)
                    found.add(self.files / inside.parts[0])
        return found

    def _tidy(self, tables: Mapping[str, Any], gone: Iterable[Path]) -> None:
        """Delete what no cell type refers to: at once if in `gone`, else when it is old."""
        used, old = self._kept(tables.values()), time.time() - _UNUSED_SECONDS
        there = self.files.iterdir() if self.files.is_dir() else ()
        for folder in list(there):
            with suppress(OSError):
                if folder not in used and (folder in gone or folder.stat().st_mtime < old):
                    shutil.rmtree(folder)


def as_table(cell: CellSpec) -> dict[str, Any]:
    """Return the description of a cell type for a YAML: what `read_cell` reads."""
    table: dict[str, Any] = {"dnase": str(cell.dnase), "h3k27ac": str(cell.h3k27ac)}
    if isinstance(cell.contact, ContactSpec):
        table["contact"] = {
            "path": str(cell.contact.path),
            "resolution": cell.contact.resolution,
            "normalisation": cell.contact.normalisation,
        }
    for key in ("reads", "peaks", "crispr"):
        path = getattr(cell, key)
        if path is not None:
            table[key] = str(path)
    if cell.expression is not None:
        table["expression"] = _expression(cell.expression)
    return table


def _expression(spec: ExpressionSpec) -> dict[str, Any]:
    table: dict[str, Any] = {"path": str(spec.path), "gene": spec.gene}
    for key in ("name", "tss", "label"):
        if getattr(spec, key) is not None:
            table[key] = getattr(spec, key)
    table["label_name"] = spec.label_name
    table["features"] = list(spec.features)
    if spec.promoter_activity is not None:
        table["promoter_activity"] = list(spec.promoter_activity)
    return table
