"""Added cell types on disk: whole or not at all, the data set untouched, and out again."""

import os
import shutil
import time
from pathlib import Path

import pytest
import yaml
from released_folder import make_released

from seq2exp.datasets.adding import Store
from seq2exp.datasets.adding.store import as_table
from seq2exp.datasets.catalog import Dataset, content_digest
from seq2exp.datasets.contents import FILES, cells_frame, chromosomes_frame, files_frame
from seq2exp.datasets.schema import CellSpec, ContactSpec, ExpressionSpec
from seq2exp.datasets.simulate import make_demo
from seq2exp.errors import InputError


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_demo(tmp_path_factory.mktemp("store") / "tiny", "tiny").parent


@pytest.fixture
def store(tiny, tmp_path, monkeypatch) -> Store:
    monkeypatch.setenv("SEQ2EXP_DATA", str(tmp_path / "data"))
    return Store.of(tiny / "dataset.yaml")


@pytest.fixture
def cell(tiny) -> CellSpec:
    own = Dataset.load(tiny / "dataset.yaml").spec.cells["sim-lymphoid"]
    return CellSpec("mine", own.dnase, own.h3k27ac, own.contact, own.reads, None, own.expression)


def test_the_app_keeps_one_store_for_a_data_set_and_root(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("SEQ2EXP_DATA", str(tmp_path))
    yaml_file = tiny / "dataset.yaml"
    one = Store.of(yaml_file)
    assert one.path.is_relative_to(tmp_path) and one == Store.of(str(yaml_file), "")
    monkeypatch.chdir(tiny)
    assert Store.of("dataset.yaml") == one
    assert Store.of(yaml_file, tiny).path != one.path


def test_an_added_cell_type_opens_beside_the_others(tiny, store, cell):
    before = {path: path.read_bytes() for path in tiny.rglob("*") if path.is_file()}
    base = Dataset.load(tiny / "dataset.yaml")
    store.add(cell)
    opened = Dataset.load(store.path)
    assert list(opened.cells) == [*base.cells, "mine"]
    assert opened.spec.added == ("mine",) and opened.name == "Simulated demo (tiny) + mine"
    assert opened.simulated and opened.default_gene == base.default_gene
    assert content_digest(opened.spec.base) == base.digest != opened.digest
    gene = base.default_gene
    mine, same = opened.window(gene, "mine"), base.window(gene, "sim-lymphoid")
    assert (mine.signals == same.signals).all() and mine.label == same.label
    assert (opened.window(gene, "sim-lymphoid").signals == same.signals).all()
    assert {p: p.read_bytes() for p in tiny.rglob("*") if p.is_file()} == before
    assert read_back(store, "mine") == cell


def read_back(store: Store, name: str) -> CellSpec:
    return Dataset.load(store.path).spec.cells[name]


def test_the_digest_does_not_depend_on_where_files_lie(tiny, store, cell, tmp_path):
    store.add(cell)
    digest = Dataset.load(store.path).digest
    moved = Path(shutil.copytree(tiny, tmp_path / "elsewhere"))
    other = Store(tmp_path / "other.yaml", moved / "dataset.yaml")
    table = as_table(cell)
    text = yaml.safe_dump({"extends": "elsewhere/dataset.yaml", "cells": {"mine": table}})
    other.path.write_text(text.replace(str(tiny), "elsewhere"))
    assert Dataset.load(other.path).digest == digest
    other.path.write_text(text.replace("mine:", "yours:"))
    assert Dataset.load(other.path).digest != digest


def test_removing_takes_what_was_kept_and_nothing_else(store, cell, tiny):
    kept = store.keep("dnase.bw", cell.dnase.read_bytes())
    shared = store.keep("h3k27ac.bw", cell.h3k27ac.read_bytes())
    assert store.keep("dnase.bw", cell.dnase.read_bytes()) == kept
    uploaded = CellSpec("uploaded", kept, shared)
    store.add(uploaded)
    store.add(CellSpec("second", cell.dnase, shared))
    store.add(cell)
    store.remove("uploaded")
    assert not kept.exists() and shared.exists()
    assert list(store.tables()) == ["second", "mine"]
    store.remove("mine")
    assert cell.dnase.exists() and cell.contact.path.exists()
    store.remove("second")
    assert not shared.exists() and not store.path.exists()
    assert list(Dataset.load(tiny / "dataset.yaml").cells) == ["sim-erythroid", "sim-lymphoid"]
    with pytest.raises(InputError, match="no added cell type"):
        store.remove("second")


def test_what_nobody_accepted_goes_after_a_while(store, cell):
    old = store.keep("old.bw", b"old")
    new = store.keep("new.bw", b"new")
    long_ago = time.time() - 10 * 24 * 3600
    os.utime(old.parent, (long_ago, long_ago))
    store.add(cell)
    assert not old.exists() and new.exists()


def test_a_failure_leaves_everything_as_it_was(store, cell, monkeypatch):
    store.add(cell)
    before = store.path.read_bytes()
    for wrong in (
        CellSpec("mine", cell.dnase, cell.h3k27ac),
        CellSpec("SIM-Erythroid", cell.dnase, cell.h3k27ac),
        CellSpec("gone", cell.dnase.with_name("gone.bw"), cell.h3k27ac),
    ):
        with pytest.raises(InputError):
            store.add(wrong)
        assert store.path.read_bytes() == before

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(InputError, match=r"Cannot write .*No space left.*make room"):
        store.add(CellSpec("third", cell.dnase, cell.h3k27ac))
    with pytest.raises(InputError, match=r"Cannot keep big\.bw .*make room"):
        store.keep("big.bw", b"content")
    monkeypatch.undo()
    assert store.path.read_bytes() == before
    assert [path.name for path in store.path.parent.iterdir() if "writing" in path.name] == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\\b.bw", "..", ""])
def test_an_uploads_name_stays_in_the_store(store, name):
    path = store.keep(name, b"x")
    assert path.resolve().parent.parent == store.files.resolve() and path.read_bytes() == b"x"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"extends": "nowhere.yaml", "cells": {"a": {}}}, "'extends' names .*nowhere.yaml"),
        ({"extends": "{base}", "cells": {}}, "'cells' is empty"),
        ({"extends": "{base}"}, "'cells' is missing"),
        ({"extends": "{base}", "cels": {}}, "unknown key 'cels'.*'cells'"),
        ({"extends": "{base}", "cells": {"a": {"dnase": "x.bw"}}}, "x.bw, which is not there"),
        ({"extends": "{base}", "cells": {"SIM-lymphoid": {}}}, "give it another name"),
        ({"extends": "self.yaml", "cells": {"a": {}}}, "leads back to this file"),
    ],
)
def test_a_wrong_yaml_is_one_sentence(tiny, tmp_path, content, said):
    path = tmp_path / "self.yaml"
    path.write_text(yaml.safe_dump(content).replace("{base}", str(tiny / "dataset.yaml")))
    with pytest.raises(InputError, match=said):
        Dataset.load(path)


def test_another_files_yaml_is_not_written_over(tiny, tmp_path, cell):
    path = tmp_path / "dataset.yaml"
    shutil.copy(tiny / "dataset.yaml", path)
    with pytest.raises(InputError, match=r"no list of added cell types.*name another file"):
        Store(path, tiny / "dataset.yaml").add(cell)
    assert path.read_bytes() == (tiny / "dataset.yaml").read_bytes()


def test_what_was_found_in_a_cell_type_outlives_those_that_are_added(tiny, store, cell):
    """Masks are kept by this digest; to find them again takes hours."""
    base = Dataset.load(tiny / "dataset.yaml")
    assert set(base.cell_digests.values()) == {base.digest}
    store.add(cell)
    one = Dataset.load(store.path)
    assert one.cell_digests["sim-lymphoid"] == base.digest != one.digest
    assert one.cell_digests["mine"] == one.digest
    store.add(CellSpec("other", cell.dnase, cell.h3k27ac))
    two = Dataset.load(store.path)
    assert two.cell_digests["sim-lymphoid"] == base.digest
    assert two.cell_digests["mine"] == one.digest != two.digest
    store.remove("mine")
    assert Dataset.load(store.path).cell_digests["other"] == two.cell_digests["other"]
    assert [spec.name for spec in two.spec.lineage] == [two.name, base.name]


def test_an_extended_data_set_can_be_extended(tiny, store, cell, tmp_path):
    store.add(cell)
    second = Store(tmp_path / "second.yaml", store.path)
    second.add(CellSpec("other", cell.dnase, cell.h3k27ac))
    opened = Dataset.load(second.path)
    assert list(opened.cells)[2:] == ["mine", "other"] and opened.spec.added == ("other",)


def test_the_authors_folder_can_be_extended(tmp_path, monkeypatch):
    """It has no dataset.yaml to copy, and contact profiles that a YAML cannot name."""
    monkeypatch.setenv("SEQ2EXP_DATA", str(tmp_path / "data"))
    root = make_released(tmp_path / "GeneExp").root
    base = Dataset.load(root)
    own = base.spec.cells["K562"]
    store = Store.of(root)
    store.add(CellSpec("mine", own.dnase, own.h3k27ac))
    opened = Dataset.load(store.path)
    assert list(opened.cells) == [*base.cells, "mine"]
    assert (opened.window("MID", "K562").signals == base.window("MID", "K562").signals).all()
    assert opened.window("MID", "mine").contact_source == "power law (no Hi-C)"
    files = files_frame(opened)
    assert list(files.loc[files["digest"] == "", "file"]) == ["Hi-C contact map"] * 2


def test_a_description_says_all_that_a_cell_type_has(cell):
    spec = CellSpec(
        "x",
        cell.dnase,
        cell.h3k27ac,
        ContactSpec(Path("/m.mcool"), 10_000, "ICE"),
        expression=ExpressionSpec(Path("/t.tsv"), "v", "TPM", promoter_activity=("a", "b")),
    )
    table = as_table(spec)
    assert table["contact"] == {"path": "/m.mcool", "resolution": 10_000, "normalisation": "ICE"}
    assert (
        table["expression"]["promoter_activity"] == ["a", "b"] and "tss" not in table["expression"]
    )


def test_contents_are_what_the_files_hold(tiny, store, cell):
    store.add(cell)
    dataset = Dataset.load(store.path)
    told: list[float] = []
    files = files_frame(dataset, lambda part, text: told.append(part))
    assert told == sorted(told) and len(told) == len(files) == len(dataset.spec.files())
    assert set(files["file"]) <= set(FILES.values())
    assert (files["bytes"] == [Path(path).stat().st_size for path in files["path"]]).all()
    same = files[files["file"] == "DNase signal"].set_index("cell")["digest"]
    assert same["mine"] == same["sim-lymphoid"] != same["sim-erythroid"]
    chromosomes = chromosomes_frame(dataset)
    assert chromosomes["genes"].sum() == len(dataset.annotation.genes)
    assert chromosomes[list(dataset.cells)].all(axis=None)
    cells = cells_frame(dataset).set_index("cell")
    assert list(cells["added"]) == [False, False, True]
    assert cells.loc["mine", "measured"] == len(dataset.example_genes("mine"))
    assert cells.loc["mine", "share"] == cells.loc["mine", "measured"] / 17
