"""The authors' data folder when something is missing or wrong: one message with file and fix."""

import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from released_folder import PART, SIZES, SPLIT_CSV, XPRESSO, Released, genes_path, make_released

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError

BLACKLIST = "hg38_blacklist_dict_v1.pkl"
PROFILES = f"{PART}/HiC/K562"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Released:
    return make_released(tmp_path_factory.mktemp("GeneExp"), cells=("K562",))


@pytest.fixture
def root(made: Released, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made.root, tmp_path / "GeneExp"))


def refused(path: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Dataset.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "chr_length.json",
        "hg38/hg38.ml.fa",
        XPRESSO,
        SPLIT_CSV,
        genes_path("K562"),
        f"{PART}/H3K27ac/K562",
        f"{PART}/H3K27ac/K562/ENCFF465GBD.bigWig",
        f"{PART}/DNase-seq/K562/ENCFF414OGC.bigWig",
        PROFILES,
        BLACKLIST,
    ],
)
def test_what_is_missing_is_named_with_where_to_fetch_it(root: Path, name: str) -> None:
    path = root / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    part = "GeneList.txt" if "GeneList" in name else name
    refused(root, rf"lacks .*{part}.*; fetch it from the Hugging Face data set xingyusu/GeneExp")


def text(name: str, old: str, new: str, count: int = 1) -> Callable[[Path], None]:
    """Return what replaces text in a file."""

    def change(root: Path) -> None:
        content = (root / name).read_text()
        assert old in content
        (root / name).write_text(content.replace(old, new, count))

    return change


def cut(name: str, keep: int) -> Callable[[Path], None]:
    """Return what cuts a file short."""
    return lambda root: os.truncate(root / name, keep)


def unlink(folder: str) -> Callable[[Path], None]:
    """Return what empties a folder."""

    def change(root: Path) -> None:
        for path in (root / folder).iterdir():
            path.unlink()

    return change


def two_parts(root: Path) -> None:
    table = pd.read_csv(root / SPLIT_CSV)
    table.loc[0, "fold_11"] = "valid"
    table.to_csv(root / SPLIT_CSV, index=False)


def second(root: Path) -> None:
    folder = root / PART / "DNase-seq" / "K562"
    (folder / "ENCFF414OGC.bigWig").rename(folder / "a.bigWig")
    shutil.copy(folder / "a.bigWig", folder / "b.bigWig")


def pickled(content: object) -> Callable[[Path], None]:
    """Return what writes a pickle in the blacklist's place."""

    def change(root: Path) -> None:
        (root / BLACKLIST).write_bytes(pickle.dumps(content, protocol=4))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (text("chr_length.json", "hg38", "hg19"), r"chr_length\.json must hold chromosome lengths"),
        (text("chr_length.json", "320000", '"long"'), r"chr_length\.json must hold .*fetch it aga"),
        (cut("chr_length.json", 9), r"chr_length\.json must hold chromosome lengths"),
        (
            text("chr_length.json", "320000", "320001"),
            r"Wrong assembly: .*chr_length\.json has chr1 with 320,001 bp, but .*hg38\.ml\.fa has",
        ),
        (text(XPRESSO, "UTR5GC", "UTR5gc"), r"Xpresso\.csv has no column 'UTR5GC'; did you mean"),
        (text(XPRESSO, "K562_CAGE_128*3_sum", "K562"), r"lacks .*H3K27ac/GM12878; fetch it"),
        (text(XPRESSO, "ENSG00000000002,MID,", "ENSG00000000002,MID,x"), "must hold numbers only"),
        (cut(XPRESSO, 0), r"Xpresso\.csv cannot be read .*; fetch it again"),
        (text(SPLIT_CSV, "fold_11", "fold_0"), "genes.csv has no column 'fold_11'; did you mean"),
        (text(SPLIT_CSV, "valid", "vali"), "fold_11 of chromosome 3 must be one of train, valid,"),
        (two_parts, "fold_11 of chromosome 1 must be one of train, valid, test for all its genes"),
        (text(genes_path("K562"), "\ttss", "\tTSS"), r"GeneList\.txt has no column 'tss'; did you"),
        (text(genes_path("K562"), "DHS.RPM.TSS1Kb", "DHS"), "no column 'DHS.RPM.TSS1Kb'"),
        (text(genes_path("K562"), "2\t150000", "2\t150000.5"), "'tss' .* must hold positions"),
        (text(genes_path("K562"), "2\t150000", "2\t-1"), "'tss' .* must hold positions"),
        (text(genes_path("K562"), "2\t150000", "2\tchr"), "must hold numbers only, not 'chr'"),
        (cut(f"{PROFILES}/hic_feat_chr1.h5", 9_000), r"HDF5 file .*feat_chr1\.h5 cannot be read"),
        (cut(f"{PROFILES}/hic_feat_chr3.h5", 0), r"HDF5 file .*feat_chr3\.h5 cannot be read"),
        (unlink(PROFILES), r"HiC/K562 has no contact profiles hic_feat_chr\*\.h5; fetch them"),
        (
            cut(f"{PART}/H3K27ac/K562/ENCFF465GBD.bigWig", 9_000),
            r"ENCFF465GBD\.bigWig is cut short",
        ),
        (
            cut(f"{PART}/DNase-seq/K562/peaks/peaks_bigWig/macs3.bigWig", 1_000),
            r"macs3\.bigWig is cut short; fetch it again",
        ),
        (second, "DNase-seq/K562 has 2 bigWigs; leave the one to use"),
        (pickled([1]), f"{BLACKLIST} is not a blacklist .*no dict of arrays"),
        (pickled({}), "no dict of arrays"),
        (pickled({"chr1": [True]}), "'chr1' is not a chromosome with its array"),
        (pickled({1: np.zeros(5, bool)}), "1 is not a chromosome with its array"),
        (pickled({"chr1": np.zeros(5)}), "something else than booleans"),
        (pickled({"chr1": np.zeros((5, 1), bool)}), r"shape \(5, 1\) with 5 values"),
        (pickled({"chr1": np.zeros(5, bool)}), "has chr1 with 5 bp, but chr_length.json has 320,0"),
        (pickled({"chr1": np.array([None])}), "is not a blacklist that can be read"),
        (cut(BLACKLIST, 400), f"{BLACKLIST} is not a blacklist that can be read"),
    ],
)
def test_what_is_wrong_gets_one_message(
    root: Path, change: Callable[[Path], None], message: str
) -> None:
    change(root)
    refused(root, message)


def test_cell_types_that_disagree_on_a_tss(tmp_path: Path) -> None:
    made = make_released(tmp_path / "GeneExp")
    text(genes_path("GM12878"), "\t150000\t", "\t150007\t")(made.root)
    text(genes_path("GM12878"), "\t150000\t", "\t150007\t")(made.root)
    refused(
        made.root, r"GeneList\.txt has the TSS of .* at 150007, but that of K562 .*'cells: \[GM"
    )
    path = tmp_path / "one.yaml"
    path.write_text("released: GeneExp\ncells: [GM12878]\n")
    dataset = Dataset.load(path)
    assert dataset.gene("MID").tss == 150_007
    # The profiles were made for the TSS of the list that was there then.
    with pytest.raises(InputError, match=r"hic_feat_chr1\.h5 has no contact profile chr1_150007"):
        dataset.window("MID", "GM12878")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(199_999), r"chr3_105000 is float64 \[199999\], not 200,000 numbers; fetch"),
        (np.zeros(200_000, dtype="S1"), r"chr3_105000 is \|S1 \[200000\]"),
        (None, r"hic_feat_chr3\.h5 has no contact profile chr3_105000"),
    ],
)
def test_profiles_that_are_none(root: Path, values: np.ndarray | None, message: str) -> None:
    with h5py.File(root / PROFILES / "hic_feat_chr3.h5", "a") as file:
        del file["chr3_105000"]
        if values is not None:
            file["chr3_105000"] = values
    dataset = Dataset.load(root)
    with pytest.raises(InputError, match=message):
        dataset.window("VALID", "K562")


def test_a_chromosome_without_profiles(root: Path) -> None:
    (root / PROFILES / "hic_feat_chrX.h5").unlink()
    dataset = Dataset.load(root)
    assert dataset.window("MID", "K562").length == 200_000
    with pytest.raises(InputError, match="no contact profiles of chromosome chrX; choose a gene"):
        dataset.window("GATA1", "K562")


def test_without_h5py(made: Released, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused(made.root, r"needs the package h5py .*; install it with pip install -e '\.\[released")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"released": "Gene"}, "'released' names .*Gene, which is no folder"),
        ({"released": None}, "the key 'released' is missing"),
        ({"hic_padding": "fix"}, "'hic_padding' must be one of release, fixed, not 'fix'"),
        ({"cells": ["k562"]}, "measures no cell type 'k562'; did you mean 'K562'"),
        ({"cells": "K562"}, "'cells' must be a list"),
        ({"crispr": {"HepG2": "p.yaml"}}, "measures no cell type 'HepG2'; it may be one of K562"),
        ({"crispr": {"K562": "none.tsv"}}, r"'crispr\.K562' names .*none\.tsv, which is not there"),
        ({"annotation": "none.gtf"}, r"'annotation' names .*none\.gtf, which is not there"),
        ({"default_gene": "NONE"}, "no gene 'NONE' in this annotation"),
        ({"genome": "x.fa"}, "unknown key 'genome'"),
    ],
)
def test_a_wrong_pointer(root: Path, content: dict[str, object], message: str) -> None:
    path = root.parent / "p.yaml"
    path.write_text(yaml.safe_dump({"released": "GeneExp", **content}))
    refused(path, message)


def test_a_folder_that_is_something_else(tmp_path: Path) -> None:
    refused(tmp_path, "no data set at .*; give a dataset.yaml or the authors' data folder")


# ---- pickles that would do something -------------------------------------------------------------


class Runs:
    """Pickles to a call; where that is made, a file appears."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("kind", ["system", "eval", "mkdir", "numpy"])
def test_a_malicious_blacklist_is_refused_and_not_run(root: Path, kind: str, protocol: int) -> None:
    mark = root / "it-ran"
    evil = {
        "system": Runs(os.system, f"touch {mark}"),
        "eval": Runs(eval, f"open({str(mark)!r}, 'w').close()"),
        "mkdir": Runs(os.mkdir, str(mark)),
        "numpy": Runs(np.fromfile, str(root / "chr_length.json")),
    }[kind]
    content = pickle.dumps({"x": evil, "chr1": np.zeros(SIZES["chr1"], bool)}, protocol=protocol)
    (root / BLACKLIST).write_bytes(content)
    refused(root, "was refused: it asks for .*; do not trust it, put the ENCODE blacklist")
    assert not mark.exists()


def test_the_malicious_pickle_would_have_run(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Runs(os.mkdir, str(tmp_path / "it-ran"))))
    assert (tmp_path / "it-ran").exists()
