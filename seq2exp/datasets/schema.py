"""Which keys a dataset.yaml may have, and reading one without guessing.

This is about the text: keys, types and paths; `seq2exp.datasets.catalog` opens the files.
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from seq2exp.errors import InputError, nearest
from seq2exp.genome.window import FEATURES


@dataclass(frozen=True)
class ContactSpec:
    """A Hi-C map: its file, bin size in bp and normalisation."""

    path: Path
    resolution: int = 5000
    normalisation: str = "VC"


@dataclass(frozen=True)
class ProfilesSpec:
    """Contact profiles computed beforehand; see `seq2exp.datasets.released.contact`.

    `path` is a folder of HDF5 files, `lengths` has the chromosomes' lengths in bp.
    """

    path: Path
    lengths: Mapping[str, int]
    padding: Literal["release", "fixed"]


@dataclass(frozen=True)
class ExpressionSpec:
    """An expression table and what its columns are called.

    `features` names the columns of the nine features in the published order; None where the table
    has no such column. `promoter_activity` names the H3K27ac and DNase RPM columns whose geometric
    mean is the ninth feature.
    """

    path: Path
    label: str | None = None
    label_name: str = "CAGE"
    gene: str = "gene_id"
    name: str | None = None
    tss: str | None = None
    features: tuple[str | None, ...] = (None,) * len(FEATURES)
    promoter_activity: tuple[str, str] | None = None


@dataclass(frozen=True)
class CellSpec:
    """The files of one cell type."""

    name: str
    dnase: Path
    h3k27ac: Path
    contact: ContactSpec | ProfilesSpec | None = None
    reads: Path | None = None
    peaks: Path | None = None
    expression: ExpressionSpec | None = None
    crispr: Path | None = None


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset.yaml, its paths resolved.

    `content` is the parsed text; `base` is the data set that this one adds cell types to, None
    where it stands for itself.
    """

    path: Path
    root: Path
    name: str
    assembly: str
    genome: Path
    annotation: Path
    cells: dict[str, CellSpec]
    simulated: bool = False
    chrom_sizes: Path | None = None
    blacklist: Path | None = None
    default_gene: str | None = None
    truth: Path | None = None
    splits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)
    base: "DatasetSpec | None" = None

    @property
    def lineage(self) -> Iterator["DatasetSpec"]:
        """The data set and those that it extends, the last of them standing for itself."""
        found: DatasetSpec | None = self
        while found is not None:
            yield found
            found = found.base

    def of_cell(self, name: str) -> "DatasetSpec":
        """Return what a cell type's windows depend on: no cell type that was added beside it."""
        if self.base is None:
            return self
        if name in self.base.cells:
            return self.base.of_cell(name)
        return replace(
            self,
            cells={**self.base.cells, name: self.cells[name]},
            content={**self.content, "cells": {name: self.content["cells"][name]}},
        )

    @property
    def added(self) -> tuple[str, ...]:
        """The cell types that `base` does not have; none without one."""
        known = self.cells if self.base is None else self.base.cells
        return tuple(name for name in self.cells if name not in known)

    def files(self) -> dict[str, Path]:
        """Return every file by its key, e.g. ``cells.K562.dnase``.

        Folders of contact profiles are left out: `content` has their fingerprints.
        """
        found: dict[str, Path] = {}
        for key in ("genome", "annotation", "chrom_sizes", "blacklist", "truth"):
            found[key] = getattr(self, key)
        for name, cell in self.cells.items():
            for key in ("dnase", "h3k27ac", "reads", "peaks", "crispr"):
                found[f"cells.{name}.{key}"] = getattr(cell, key)
            for key, part in (("contact", cell.contact), ("expression", cell.expression)):
                if isinstance(part, ContactSpec | ExpressionSpec):
                    found[f"cells.{name}.{key}"] = part.path
        return {key: path for key, path in found.items() if path is not None}


_TOP = (
    "name",
    "assembly",
    "simulated",
    "root",
    "genome",
    "annotation",
    "chrom_sizes",
    "blacklist",
    "default_gene",
    "splits",
    "truth",
    "cells",
)
_CELL = ("dnase", "h3k27ac", "contact", "reads", "peaks", "expression", "crispr")
_CONTACT = ("path", "resolution", "normalisation")
_EXPRESSION = (
    "path",
    "gene",
    "name",
    "tss",
    "label",
    "label_name",
    "features",
    "promoter_activity",
)
_SPLITS = ("train", "validation", "test")


class Reader:
    """Reads one file's mappings and says where in it something is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = path.parent

    def start_at(self, root: str | os.PathLike[str] | None, top: Mapping[str, Any]) -> None:
        """Let paths start from `root`, else from the key of that name in the file."""
        if root is not None:
            self.root = Path(root)
        elif "root" in top:
            self.root = self.path.parent / Path(self.text(top["root"], "root")).expanduser()
        if not self.root.is_dir():
            raise self.error(f"the root folder {self.root} is not there; give --root.")

    def error(self, what: str) -> InputError:
        """Return the error that says what is wrong in this file."""
        return InputError(f"{self.path}: {what}")

    def mapping(self, value: object, where: str, keys: Iterable[str] | None) -> dict[str, Any]:
        """Return a mapping without its empty keys; `keys` are those it may have (None: any)."""
        if not isinstance(value, Mapping):
            raise self.error(f"'{where}' must be a mapping of keys to values.")
        for key in value:
            if keys is not None and key not in keys:
                inside = f" in '{where}'" if where else ""
                raise self.error(f"unknown key '{key}'{inside}; {nearest(str(key), keys)}")
        return {str(key): item for key, item in value.items() if item is not None}

    def need(self, table: Mapping[str, Any], key: str, where: str) -> Any:
        """Return the value of a key that must be there."""
        if key not in table:
            inside = f" in '{where}'" if where else ""
            raise self.error(f"the key '{key}' is missing{inside}; add it.")
        return table[key]

    def text(self, value: object, where: str) -> str:
        """Return a value that must be text (or a number, as text)."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self.error(f"'{where}' must be text.")
        return str(value)

    def truth(self, value: object, where: str) -> bool:
        """Return a value that must be true or false."""
        if not isinstance(value, bool):
            raise self.error(f"'{where}' must be true or false.")
        return value

    def number(self, value: object, where: str) -> int:
        """Return a value that must be a whole number above 0."""
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise self.error(f"'{where}' must be a whole number above 0.")
        return value

    def texts(self, value: object, where: str) -> tuple[str, ...]:
        """Return a value that must be a list of texts."""
        if not isinstance(value, list):
            raise self.error(f"'{where}' must be a list.")
        return tuple(self.text(item, where) for item in value)

    def file(self, value: object, where: str) -> Path:
        """Return the path of a file that must be there."""
        path = self.root / self.text(value, where)
        if not path.is_file():
            folder = path.parent
            beside = [p.name for p in folder.iterdir()] if folder.is_dir() else []
            near = difflib.get_close_matches(path.name, beside, 1, 0.6)
            hint = f"did you mean '{near[0]}'?" if near else "check the path or give --root."
            raise self.error(f"'{where}' names {path}, which is not there; {hint}")
        return path


def read_yaml(path: Path) -> Mapping[str, Any]:
    """Return the mapping that a YAML file holds.

    Raises
    ------
    InputError
        Where the file is missing, no YAML, or something else than a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(
            f"There is no data set at {path}; give a dataset.yaml or the authors' data folder."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        raise InputError(f"{path} is not YAML ({text}); correct it there.") from None
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: must be a mapping of keys to values, beginning with 'name:'.")
    return content


def read_spec(
    path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
) -> DatasetSpec:
    """Read and check a dataset.yaml.

    Parameters
    ----------
    path
        The YAML file.
    root
        Folder the paths in it are relative to; else its ``root`` key (relative to the file), else
        the file's own folder.

    Raises
    ------
    InputError
        For a file that is missing or no YAML, an unknown or missing key (naming the nearest), a
        value of the wrong type, or a path where there is no file.
    """
    source = Path(path)
    content = read_yaml(source)
    read = Reader(source)
    top = read.mapping(content, "", _TOP)
    read.start_at(root, top)
    optional: dict[str, Any] = {
        key: read.file(top[key], key) for key in ("chrom_sizes", "blacklist", "truth") if key in top
    }
    splits = read.mapping(top.get("splits", {}), "splits", _SPLITS)
    cells = read.mapping(read.need(top, "cells", ""), "cells", None)
    if not cells:
        raise read.error("'cells' is empty; add a cell type with its files.")
    return DatasetSpec(
        path=source,
        root=read.root,
        name=read.text(read.need(top, "name", ""), "name"),
        assembly=read.text(read.need(top, "assembly", ""), "assembly"),
        simulated=read.truth(top.get("simulated", False), "simulated"),
        genome=read.file(read.need(top, "genome", ""), "genome"),
        annotation=read.file(read.need(top, "annotation", ""), "annotation"),
        default_gene=(
            read.text(top["default_gene"], "default_gene") if "default_gene" in top else None
        ),
        splits={key: read.texts(value, f"splits.{key}") for key, value in splits.items()},
        cells={name: read_cell(read, name, value) for name, value in cells.items()},
        content={str(key): value for key, value in content.items()},
        **optional,
    )


def read_cell(read: Reader, name: str, value: object) -> CellSpec:
    """Return the files of the cell type `name`, described by `value`."""
    where = f"cells.{name}"
    table = read.mapping(value, where, _CELL)
    optional = {
        key: read.file(table[key], f"{where}.{key}")
        for key in ("reads", "peaks", "crispr")
        if key in table
    }
    return CellSpec(
        name=name,
        dnase=read.file(read.need(table, "dnase", where), f"{where}.dnase"),
        h3k27ac=read.file(read.need(table, "h3k27ac", where), f"{where}.h3k27ac"),
        contact=_contact(read, f"{where}.contact", table.get("contact")),
        expression=_expression(read, f"{where}.expression", table.get("expression")),
        **optional,
    )


def _contact(read: Reader, where: str, value: object) -> ContactSpec | None:
    if value is None:
        return None
    if isinstance(value, str):
        return ContactSpec(read.file(value, where))
    table = read.mapping(value, where, _CONTACT)
    return ContactSpec(
        path=read.file(read.need(table, "path", where), f"{where}.path"),
        resolution=read.number(table.get("resolution", 5000), f"{where}.resolution"),
        normalisation=read.text(table.get("normalisation", "VC"), f"{where}.normalisation"),
    )


def _expression(read: Reader, where: str, value: object) -> ExpressionSpec | None:
    if value is None:
        return None
    if isinstance(value, str):
        return ExpressionSpec(read.file(value, where))
    table = read.mapping(value, where, _EXPRESSION)
    columns = {
        key: read.text(table[key], f"{where}.{key}")
        for key in ("gene", "name", "tss", "label", "label_name")
        if key in table
    }
    features = table.get("features", [None] * len(FEATURES))
    if not isinstance(features, list) or len(features) != len(FEATURES):
        raise read.error(
            f"'{where}.features' must list {len(FEATURES)} columns (null where there is none), for "
            f"{', '.join(FEATURES)}."
        )
    activity = None
    if "promoter_activity" in table:
        pair = read.texts(table["promoter_activity"], f"{where}.promoter_activity")
        if len(pair) != 2:
            raise read.error(
                f"'{where}.promoter_activity' must list two columns, H3K27ac and DNase RPM."
            )
        activity = (pair[0], pair[1])
    return ExpressionSpec(
        path=read.file(read.need(table, "path", where), f"{where}.path"),
        features=tuple(
            None if item is None else read.text(item, f"{where}.features") for item in features
        ),
        promoter_activity=activity,
        **columns,
    )
