"""Making the demo data set, and keeping one in the cache."""

import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from seq2exp import files
from seq2exp.datasets.simulate.chromosome import Chromosome, content_digests, make_chromosome
from seq2exp.datasets.simulate.describe import dataset_yaml
from seq2exp.datasets.simulate.plan import (
    CELLS,
    GENERATOR,
    LENGTHS,
    REACH,
    SIZES,
    TEST,
    TRAINING,
    VALIDATION,
)
from seq2exp.datasets.simulate.write import Writer
from seq2exp.errors import InputError

Progress = Callable[[float, str], None]

DEFAULT_SEED = 1
_LOCK = threading.Lock()


def make_demo(
    out_dir: str | os.PathLike[str],
    size: str = "default",
    seed: int = DEFAULT_SEED,
    progress: Progress | None = None,
) -> Path:
    """Simulate a genome with its measurements and write it as a data set.

    Parameters
    ----------
    out_dir
        Folder to make. An older demo data set there is replaced; anything else is left alone.
    size
        ``default`` (validation and test chromosomes) or ``full`` (training chromosomes, too; the
        held-out ones are the same as in ``default``).
    seed
        The same seed gives the same content.
    progress
        Called with a fraction from 0 to 1 and a text.

    Returns
    -------
    Path
        The ``dataset.yaml``.

    Raises
    ------
    InputError
        Unknown size, negative seed, or a folder that holds something else.
    """
    folder = Path(out_dir)
    if size not in SIZES:
        raise InputError(f'There is no demo size "{size}"; choose "default" or "full".')
    if seed < 0:
        raise InputError(f"The seed is {seed}; give a whole number from 0.")
    _check_free(folder)
    try:
        with files.atomic_path(folder) as draft:
            draft.mkdir()
            _fill(draft, size, seed, progress or (lambda fraction, text: None))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"Cannot write the demo to {folder} ({reason}); choose another folder."
        ) from error
    return folder / "dataset.yaml"


def demo_dataset(progress: Progress | None = None) -> Path:
    """Return the embedded demo's ``dataset.yaml``, made on first use and kept in the cache.

    The cache entry is named by the generator's code and seed, appears only when it is whole, and is
    made once even when several threads or processes ask at the same time.
    """
    folder = files.cache_dir() / f"demo-{_code_digest()}-{DEFAULT_SEED}"
    found = folder / "dataset.yaml"
    if found.is_file():
        return found
    with _LOCK, files.process_lock(folder.with_name(folder.name + ".lock")):
        if found.is_file():
            return found
        if folder.exists():  # what someone left there is not whole: entries appear by renaming
            shutil.rmtree(folder)
        with tempfile.TemporaryDirectory(prefix=".demo-", dir=folder.parent) as scratch:
            draft = Path(scratch) / "demo"
            make_demo(draft, progress=progress)
            try:
                os.rename(draft, folder)
            except OSError:
                # Where locks do not work, whoever renames first wins; both made the same content.
                if not found.is_file():
                    raise
    return found


def _fill(folder: Path, size: str, seed: int, progress: Progress) -> None:
    chroms = SIZES[size]
    total = sum(LENGTHS[name] for name in chroms)
    digests: dict[str, dict[str, str]] = {}
    default_gene = ""
    done = 0
    with Writer(folder, chroms) as writer:
        for chrom in chroms:
            begun, share = 0.9 * done / total, 0.9 * LENGTHS[chrom] / total
            progress(begun, f"Simulating {chrom}")
            step = _within(progress, begun, 0.6 * share, f"Simulating {chrom}")
            chromosome = make_chromosome(seed, chrom, step)
            digests[chrom] = content_digests(chromosome)
            if chrom == chroms[-1]:
                default_gene = example_gene(chromosome)
            progress(begun + 0.6 * share, f"Writing {chrom}")
            writer.add(chromosome)
            done += LENGTHS[chrom]
        progress(0.9, "Writing contact maps and tables")
        writer.finish()
    splits = {
        "train": [name for name in chroms if name in TRAINING],
        "validation": [name for name in chroms if name == VALIDATION],
        "test": [name for name in chroms if name == TEST],
    }
    splits = {name: members for name, members in splits.items() if members}
    held_out = {name: parts for name, parts in digests.items() if name not in TRAINING}
    manifest = {
        "generator": GENERATOR,
        "simulated": True,
        "size": size,
        "seed": seed,
        "digest": _digest(digests),
        "held_out_digest": _digest(held_out),
        "files": sorted(str(p.relative_to(folder).as_posix()) for p in _files(folder)),
        "chromosomes": digests,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    (folder / "dataset.yaml").write_text(dataset_yaml(size, splits, default_gene))
    progress(1.0, "Simulated data set ready")


def example_gene(chromosome: Chromosome) -> str:
    """Choose the symbol of the gene that shows most; its window is whole.

    Its cell types differ, both are measured, it has several causal elements near by and some far
    away, and decoys of each kind stand close to it.
    """
    tables = chromosome.tables
    first, second = (
        dict(zip(table["gene_id"], table["CAGE_count"], strict=True)) for table in tables.expression
    )
    rows = tables.expression[0].set_index("gene_id")
    best, best_score = "", -1.0
    for gene_id, pairs in tables.pairs.groupby("gene_id", sort=True):
        tss = int(rows["tss"][gene_id])
        if not REACH <= tss <= chromosome.layout.length - REACH:
            continue
        fold = (first[gene_id] + 1) / (second[gene_id] + 1)
        seen = pairs[pairs["cell"] == (CELLS[0] if fold >= 1 else CELLS[1])]
        causal = seen.loc[seen["role"] == "causal", "distance"].abs()
        close = set(seen.loc[seen["distance"].abs() < 60_000, "role"])
        decoys = close & {"broken_motif", "ctcf", "behind_border", "neighbour_promoter"}
        score = min(max(fold, 1 / fold), 8) / 4
        score += min(int((causal < 20_000).sum()), 3) + min(int((causal >= 20_000).sum()), 2) / 2
        score += len(decoys) / 2
        score += (min(first[gene_id], second[gene_id]) >= 10) + (max(fold, 1 / fold) >= 3)
        if score > best_score:
            best, best_score = str(rows["gene_name"][gene_id]), score
    return best


def _check_free(folder: Path) -> None:
    """Refuse to put a data set where something else is."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        known = {*manifest["files"], "manifest.json", "dataset.yaml"}
        ours = str(manifest["generator"]).startswith("seq2exp demo") and all(
            path.relative_to(folder).as_posix() in known for path in _files(folder)
        )
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise InputError(
            f"{folder} exists and holds more than a demo data set; choose a new folder."
        )


def _within(progress: Progress, begun: float, share: float, text: str) -> Callable[[float], None]:
    """Return the progress of one stretch of the whole."""
    return lambda part: progress(begun + share * part, text)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def _digest(digests: dict[str, dict[str, str]]) -> str:
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def _code_digest() -> str:
    """Digest of this package's source: a changed generator makes a new demo."""
    sha = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        sha.update(path.name.encode() + path.read_bytes())
    return sha.hexdigest()[:12]
