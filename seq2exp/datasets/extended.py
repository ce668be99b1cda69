"""A data set that adds cell types to another one, which stays as it is.

Its YAML names the other and describes the cell types as a dataset.yaml does::

    extends: /data/K562/dataset.yaml   # a dataset.yaml, or the authors' data folder
    root: /data/K562                   # optional: what the extended data set's paths start from
    cells:
      HepG2:
        dnase: HepG2.DNase.bw          # relative to this file
        h3k27ac: HepG2.H3K27ac.bw

Genome, genes, blacklist, splits and the cell types there are come from the other; it may extend a
third one itself.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from seq2exp.datasets.released import is_released, released_spec
from seq2exp.datasets.schema import DatasetSpec, Reader, read_cell, read_spec, read_yaml
from seq2exp.errors import InputError

KEYS = ("extends", "root", "cells")


def open_spec(
    path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
) -> DatasetSpec:
    """Read whatever describes a data set; see `seq2exp.datasets.catalog.Dataset.load`.

    Raises
    ------
    InputError
        For anything wrong with it, naming the file and the fix.
    """
    return _open(Path(path), root, ())


def _open(path: Path, root: str | os.PathLike[str] | None, within: tuple[Path, ...]) -> DatasetSpec:
    if is_released(path):
        return released_spec(path, root)
    if not is_extended(path):
        return read_spec(path, root)
    if path.resolve() in within:
        raise InputError(f"{path}: 'extends' leads back to this file; name another data set.")
    return _extended(path, root, (*within, path.resolve()))


def is_extended(path: Path) -> bool:
    """Tell whether a file or folder is a YAML that extends another data set.

    Raises
    ------
    InputError
        Where a file is no YAML.
    """
    return path.is_file() and "extends" in read_yaml(path)


def _extended(
    path: Path, root: str | os.PathLike[str] | None, within: tuple[Path, ...]
) -> DatasetSpec:
    read = Reader(path)
    top = read.mapping(read_yaml(path), "", KEYS)
    other = read.root / Path(read.text(read.need(top, "extends", ""), "extends")).expanduser()
    if not other.exists():
        raise read.error(f"'extends' names {other}, which is not there; correct its path.")
    if root is None and "root" in top:
        root = read.root / Path(read.text(top["root"], "root")).expanduser()
    base = _open(other, root, within)
    tables = read.mapping(read.need(top, "cells", ""), "cells", None)
    if not tables:
        raise read.error("'cells' is empty; add a cell type with its files.")
    known = {name.lower(): name for name in base.cells}
    for name in tables:
        if name.lower() in known:
            raise read.error(
                f"'cells' adds {name}, but {other} has {known[name.lower()]}; give it another name."
            )
    added = {name: read_cell(read, name, table) for name, table in tables.items()}
    return replace(
        base,
        path=path,
        name=f"{base.name} + {', '.join(added)}",
        cells={**base.cells, **added},
        content={
            "extends": {key: value for key, value in base.content.items() if key != "root"},
            "cells": {name: _placeless(table) for name, table in tables.items()},
        },
        base=base,
    )


def _placeless(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell type's description without folders: the digest is not of where files lie."""
    plain: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            plain[key] = {**value, "path": Path(str(value["path"])).name}
        elif value is not None:
            plain[key] = Path(str(value)).name
    return plain
