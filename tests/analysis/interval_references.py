"""The same numbers by other means: bit arrays, bioframe, and bedtools where it is installed.

bioframe and bedtools take long to start and no time for more intervals, so they are given many
cases at once, `APART` bp from each other on one chromosome.
"""

import subprocess
from itertools import combinations as choose
from itertools import product

import bioframe
import numpy as np
import pandas as pd
from hypothesis import strategies as st

CHROM = "chr1"
#: The window of every case, and how far intervals may lie beyond it.
START, END, REACH = 1_000, 1_240, 40
APART = 10_000
NAMES = "abc"
CODES = [code for code in product([False, True], repeat=3) if any(code)]

spans = st.tuples(st.integers(START - REACH, END + REACH), st.integers(1, 60)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)
#: A set of intervals: some overlap, some touch, some lie outside the window or are there twice.
sets = st.lists(spans, max_size=8).map(lambda rows: np.array(rows, np.int64).reshape(-1, 2))


def counted_of(promoter):
    """Return the counted bases: the window, perhaps without a promoter somewhere in it."""
    if promoter is None:
        return np.array([[START, END]])
    first, width = promoter
    pieces = [(START, first), (min(first + width, END), END)]
    return np.array([piece for piece in pieces if piece[0] < piece[1]], np.int64)


promoter = st.none() | st.tuples(st.integers(START + 1, END - 2), st.integers(1, 80))
#: Counted bases and three sets.
case = st.tuples(promoter.map(counted_of), sets, sets, sets)
#: Twenty cases and one without an empty set, which bioframe could not read.
FULL = (counted_of(None), *(np.array([[START, END]]) for _ in NAMES))
batch = st.lists(case, min_size=20, max_size=20).map(lambda cases: [*cases, FULL])


def bits(rows):
    """One bool for each base from START - 100 on."""
    covered = np.zeros(END - START + 200, dtype=bool)
    for first, last in rows:
        covered[first - START + 100 : last - START + 100] = True
    return covered


class Bits:
    """One case, base by base."""

    def __init__(self, counted, *named):
        self.counted = bits(counted)
        self.named = named
        self.member = np.stack([bits(rows) & self.counted for rows in named])

    def bp(self, *names):
        """Counted bases that all of the sets cover."""
        return int(np.logical_and.reduce([self.member[NAMES.index(n)] for n in names]).sum())

    def rows(self, a, b):
        """Counted bases of each interval of a, and those of them that b covers."""
        own = [bits([row]) & self.counted for row in self.named[NAMES.index(a)]]
        other = self.member[NAMES.index(b)]
        return [int(one.sum()) for one in own], [int((one & other).sum()) for one in own]

    def combinations(self):
        """Regions and bp of each combination of sets."""
        found = {code: [0, 0] for code in CODES}
        inside = self.member.any(0)
        for base in np.flatnonzero(inside):
            found[tuple(self.member[:, base].tolist())][1] += 1
        edges = np.flatnonzero(np.diff(np.concatenate(([0], inside.astype(int), [0]))))
        for first, last in edges.reshape(-1, 2):
            found[tuple(self.member[:, first:last].any(1).tolist())][0] += 1
        return found


def shifted(tables):
    """Put the intervals of many cases on one chromosome; `of_case` finds them again."""
    rows = [rows + i * APART for i, rows in enumerate(tables)]
    joined = np.concatenate([np.empty((0, 2), np.int64), *rows])
    return pd.DataFrame({"chrom": CHROM, "start": joined[:, 0], "end": joined[:, 1]})


class Bioframe:
    """Many cases, by bioframe's own operations."""

    def __init__(self, cases):
        self.size = len(cases)
        self.counted = shifted([one[0] for one in cases])
        self.sets = {name: shifted([one[i + 1] for one in cases]) for i, name in enumerate(NAMES)}
        self.merged = {
            name: self.merge(self.within(rows, self.counted)) for name, rows in self.sets.items()
        }

    @staticmethod
    def within(table, other):
        """Return the pieces of intervals that lie in others."""
        found = bioframe.overlap(table, other, how="inner", suffixes=("", "_other"))
        start = np.maximum(found["start"], found["start_other"]).astype("int64")
        end = np.minimum(found["end"], found["end_other"]).astype("int64")
        return pd.DataFrame({"chrom": CHROM, "start": start, "end": end})

    @staticmethod
    def merge(table):
        return bioframe.merge(table, min_dist=0)[["chrom", "start", "end"]]

    def by_case(self, starts, values):
        """Add up values by the case in which they stand."""
        return np.bincount(np.asarray(starts) // APART, values, self.size).astype(int).tolist()

    def bp(self, *names):
        """Counted bases of each case that all of the sets cover."""
        found = self.merged[names[0]]
        for name in names[1:]:
            found = self.within(found, self.merged[name])
        return self.by_case(found["start"], found["end"] - found["start"])

    def rows(self, a, b):
        """For each case, counted bases of each interval of a, and those of them in b."""
        table = self.sets[a]
        own = bioframe.coverage(table, self.counted)["coverage"]
        shared = bioframe.coverage(table, self.merged[b])["coverage"]
        case = (table["start"] // APART).to_numpy()
        return [(own[case == i].tolist(), shared[case == i].tolist()) for i in range(self.size)]

    def combinations(self):
        """Regions and bp of each combination, bp by inclusion and exclusion."""
        sizes = {
            chosen: np.array(self.bp(*chosen)) for k in (1, 2, 3) for chosen in choose(NAMES, k)
        }
        regions = self.merge(pd.concat(self.merged.values(), ignore_index=True))
        has = [bioframe.count_overlaps(regions, one)["count"] > 0 for one in self.merged.values()]
        found = {}
        for code in CODES:
            inside = [name for name, held in zip(NAMES, code, strict=True) if held]
            exactly = sum(
                (-1) ** (len(chosen) - len(inside)) * size
                for chosen, size in sizes.items()
                if set(chosen) >= set(inside)
            )
            held = np.logical_and.reduce([h == c for h, c in zip(has, code, strict=True)])
            found[code] = zip(self.by_case(regions["start"], held), exactly.tolist(), strict=True)
        return [
            {code: list(next(values)) for code, values in found.items()} for _ in range(self.size)
        ]


class Bedtools:
    """Many cases, by bedtools."""

    def __init__(self, cases, folder):
        self.size, self.folder = len(cases), folder
        self.counted = self.write("counted", shifted([one[0] for one in cases]))
        self.sets = {
            name: self.write(name, shifted([one[i + 1] for one in cases]))
            for i, name in enumerate(NAMES)
        }
        self.merged = {}
        for name, path in self.sets.items():
            pieces = self.run("intersect", "-a", path, "-b", self.counted)
            ranked = self.write(f"{name}-counted", self.table(pieces))
            self.merged[name] = self.write(
                f"{name}-merged", self.table(self.run("merge", "-i", ranked))
            )

    @staticmethod
    def table(lines):
        rows = [(line[0], int(line[1]), int(line[2])) for line in lines]
        return pd.DataFrame(rows, columns=["chrom", "start", "end"])

    def write(self, name, table):
        path = self.folder / f"{name}.bed"
        ranked = table.sort_values(["start", "end"])
        ranked.to_csv(path, sep="\t", header=False, index=False)
        return path

    @staticmethod
    def run(*arguments):
        command = ["bedtools", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def jaccard(self, a, b):
        """Bases of all cases in both, in either, and their ratio."""
        _, values = self.run("jaccard", "-a", self.merged[a], "-b", self.merged[b])
        return int(values[0]), int(values[1]), float(values[2])

    def rows(self, a, b):
        """For each case, the intervals of a with a counted base, and those that overlap b there."""
        own = self.run("intersect", "-u", "-a", self.sets[a], "-b", self.counted)
        shared = self.run("intersect", "-u", "-a", self.sets[a], "-b", self.merged[b])
        counts = [
            np.bincount([int(line[1]) // APART for line in lines], minlength=self.size)
            for lines in (own, shared)
        ]
        return list(zip(*(count.tolist() for count in counts), strict=True))

    def combinations(self):
        """For each case, the bases of each combination, as `bedtools multiinter` has them."""
        found = [dict.fromkeys(CODES, 0) for _ in range(self.size)]
        for line in self.run("multiinter", "-i", *self.merged.values()):
            code = tuple(value == "1" for value in line[5:])
            found[int(line[1]) // APART][code] += int(line[2]) - int(line[1])
        return found
