"""A checker of track hubs after UCSC's rules, written apart from what writes them.

Rules: hgTrackHubHelp.html and trackDb/trackDbHub.html of genome.ucsc.edu. Data files are opened
with readers that had no part in writing them: bigWig by pybigtools, bigBed by pyBigWig, 2bit by
py2bit.
"""

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import py2bit
import pybigtools
import pyBigWig

HUB = {"hub", "shortLabel", "longLabel", "genomesFile", "email"}
ASSEMBLY = {"twoBitPath", "organism", "defaultPos", "description", "scientificName"}
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
COLOR = re.compile(r"\d{1,3},\d{1,3},\d{1,3}")
VISIBILITY = {"hide", "dense", "squish", "pack", "full"}


class HubError(AssertionError):
    """What UCSC would refuse or show wrongly."""


@dataclass
class Checked:
    """What a hub holds: the stanzas of its tracks, and the files that they name."""

    genome: str
    tracks: dict[str, dict[str, str]]
    files: dict[str, Path]
    lengths: dict[str, int] = field(default_factory=dict)


def demand(right: object, what: str) -> None:
    if not right:
        raise HubError(what)


def stanzas(path: Path) -> list[dict[str, str]]:
    """Settings of each block of lines; blank lines stand between blocks."""
    demand(path.is_file(), f"{path.name} is not there")
    text = path.read_bytes().decode("ascii")
    demand("\r" not in text and "\t" not in text, f"{path.name} has tabs or carriage returns")
    found = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        values: dict[str, str] = {}
        for line in block.splitlines():
            key, _, value = line.strip().partition(" ")
            demand(key and value, f"{path.name}: '{line}' has no value")
            demand(key not in values, f"{path.name}: {key} twice in one stanza")
            values[key] = value
        found.append(values)
    return found


def labels(values: dict[str, str], where: str) -> None:
    for key, most in (("shortLabel", 17), ("longLabel", 80)):
        demand(0 < len(values.get(key, "")) <= most, f"{where}: {key} is missing or too long")


def relative(folder: Path, name: str, where: str) -> Path:
    """The file a relative address means; it must lie in the hub."""
    parts = urlsplit(name)
    demand(not parts.scheme and not parts.netloc, f"{where}: {name} is no relative path")
    demand(not name.startswith("/") and ".." not in name.split("/"), f"{where}: {name} leaves")
    demand(re.fullmatch(r"[A-Za-z0-9_./-]+", name), f"{where}: {name} needs quoting in an address")
    path = folder / name
    demand(path.is_file() and path.stat().st_size > 0, f"{where}: {name} is not there or empty")
    return path


def check_hub(root: Path, lengths: dict[str, int] | None = None) -> Checked:
    """Check a hub's folder; `lengths` are the chromosomes of a genome that the hub lacks."""
    (hub,) = stanzas(root / "hub.txt")
    demand(set(hub) >= HUB, f"hub.txt lacks {HUB - set(hub)}")
    demand(next(iter(hub)) == "hub" and " " not in hub["hub"], "hub.txt: hub is one word, first")
    demand("@" in hub["email"], "hub.txt: email")
    labels(hub, "hub.txt")
    relative(root, hub["descriptionUrl"], "hub.txt")
    (genome,) = stanzas(relative(root, hub["genomesFile"], "hub.txt"))
    demand(next(iter(genome)) == "genome", "genomes.txt: genome stands first")
    database = relative(root, genome["trackDb"], "genomes.txt")
    if "twoBitPath" in genome:
        demand(set(genome) >= ASSEMBLY, f"genomes.txt lacks {ASSEMBLY - set(genome)}")
        bases = py2bit.open(str(relative(root, genome["twoBitPath"], "genomes.txt")))
        lengths = dict(bases.chroms())
        bases.close()
        chrom, start, end = re.fullmatch(r"(\S+):(\d+)-(\d+)", genome["defaultPos"]).groups()
        demand(1 <= int(start) <= int(end) <= lengths[chrom], "genomes.txt: defaultPos")
    demand(lengths, "nothing says how long the chromosomes are")
    found = Checked(genome["genome"], {}, {}, lengths)
    for values in stanzas(database):
        name = values["track"]
        demand(next(iter(values)) == "track", f"{name}: track stands first")
        demand(NAME.fullmatch(name), f"{name} is no name of a track")
        demand(name not in found.tracks, f"{name} is there twice")
        found.tracks[name] = values
        _check_track(found, name, database.parent)
    demand(len(found.files) == len(set(found.files.values())), "two tracks share a file")
    return found


def _check_track(found: Checked, name: str, folder: Path) -> None:
    values = found.tracks[name]
    labels(values, name)
    demand(values.get("visibility", "full") in VISIBILITY, f"{name}: visibility")
    demand(COLOR.fullmatch(values.get("color", "0,0,0")), f"{name}: color")
    if "parent" in values:
        above = found.tracks.get(values["parent"], {})
        container = "superTrack" in above or "container" in above
        demand(container, f"{name}: its parent is no container that stands before it")
        if "container" in above:
            demand(values["type"].split()[0] == "bigWig", f"{name}: multiWig holds bigWigs")
    if "superTrack" in values:
        demand("bigDataUrl" not in values, f"{name}: a super track has no data")
        demand(values["superTrack"] in ("on", "on show"), f"{name}: superTrack")
        return
    demand("type" in values, f"{name}: no type")
    kind, *more = values["type"].split()
    if "container" in values:
        demand(values["container"] == "multiWig" and kind == "bigWig", f"{name}: container")
        demand("bigDataUrl" not in values, f"{name}: a container has no data")
        return
    path = relative(folder, values["bigDataUrl"], name)
    found.files[name] = path
    if kind == "bigWig":
        demand(len(more) in (0, 2), f"{name}: bigWig has two limits or none")
        chroms = _check_bigwig(path, name)
    else:
        demand(kind == "bigBed", f"{name}: unknown type {kind}")
        chroms = _check_bigbed(path, name, more, values)
    for chrom, length in chroms.items():
        demand(found.lengths.get(chrom) == length, f"{name}: {chrom} has {length} bp")


def _check_bigwig(path: Path, name: str) -> dict[str, int]:
    with pybigtools.open(str(path)) as file:
        demand(file.is_bigwig, f"{name}: no bigWig")
        chroms = dict(file.chroms())
        for chrom, length in chroms.items():
            last = 0
            try:
                records = file.records(chrom)
            except KeyError:
                continue
            for start, end, _ in records:
                demand(last <= start < end <= length, f"{name}: {chrom}:{start}-{end}")
                last = end
    return chroms


def _check_bigbed(path: Path, name: str, more: list[str], values: dict[str, str]) -> dict[str, int]:
    standard = int(more[0])
    fields, defined = struct.unpack("<HH", path.read_bytes()[32:36])
    demand(defined == standard, f"{name}: bigBed {standard}, but its file says {defined}")
    demand((more[1:] == ["+"]) == (fields > standard), f"{name}: + and {fields} columns")
    demand("itemRgb" not in values or standard >= 9, f"{name}: itemRgb needs nine columns")
    file = pyBigWig.open(str(path))
    demand(file.isBigBed(), f"{name}: no bigBed")
    sql = file.SQL().decode()
    columns = re.findall(r'^\s+(\S+) (\w+); "[^"]*"$', sql, re.MULTILINE)
    demand(len(columns) == fields, f"{name}: {len(columns)} columns in its autoSql, not {fields}")
    chroms = dict(file.chroms())
    for chrom, length in chroms.items():
        last = 0
        for start, end, rest in file.entries(chrom, 0, length):
            demand(last <= start < end <= length, f"{name}: {chrom}:{start}-{end}")
            last = start
            texts = [chrom, str(start), str(end), *rest.split("\t")]
            demand(len(texts) == fields, f"{name}: {len(texts)} columns in a row")
            for (sort, column), text in zip(columns, texts, strict=True):
                right = {"uint": r"\d+(,\d+,\d+)?", "int": r"-?\d+", "float": r"-?[\d.e-]+"}
                pattern = right.get(sort, r".*" if "[blockCount]" in sort else r".+")
                demand(re.fullmatch(pattern, text), f"{name}: {column} is '{text}'")
            if standard >= 5:
                demand(0 <= int(texts[4]) <= 1000, f"{name}: score {texts[4]}")
    file.close()
    return chroms
