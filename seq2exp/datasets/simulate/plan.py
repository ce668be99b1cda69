"""What the simulated genome consists of, and the random streams it is drawn from.

Every chromosome is generated from its own random streams and from fixed constants only, so a
chromosome's content does not depend on which others are made beside it.
"""

import hashlib

import numpy as np

#: Raised whenever the generator's output changes.
GENERATOR = "seq2exp demo 1"

ASSEMBLY = "sim1"
#: Cell types, in the order of every per-cell tuple in this package.
CELLS = ("sim-erythroid", "sim-lymphoid")

VALIDATION = "simV1"
TEST = "simT1"
TRAINING = tuple(f"sim{i}" for i in range(1, 13))
TINY = "simX1"

#: Chromosome lengths in bp.
LENGTHS = {
    **{name: 4_200_000 - 12_345 * i for i, name in enumerate(TRAINING)},
    VALIDATION: 3_003_300,
    TEST: 2_998_700,
    TINY: 403_200,
}

#: Which chromosomes each size has, in file order. ``tiny`` is for tests.
SIZES = {
    "default": (VALIDATION, TEST),
    "full": (*TRAINING, VALIDATION, TEST),
    "tiny": (TINY,),
}

#: Gap of N at either end of a chromosome, bp.
TELOMERE = 10_000
#: Half of the model's window: the reach within which elements act, bp.
REACH = 100_000
#: Elements keep out of the promoter, which the model's mask leaves open anyway (TSS +- 1 kb).
PROMOTER_HALF = 1_000
#: Resolution of the contact map, bp; domain borders stand on its grid.
BIN = 5_000


def number(chrom: str) -> int:
    """Return the fixed number of a chromosome, for ids that never clash between chromosomes."""
    return list(LENGTHS).index(chrom) + 1


def stream(seed: int, chrom: str, part: str) -> np.random.Generator:
    """Return the random stream of one part of one chromosome."""
    key = hashlib.sha256(f"{GENERATOR}/{chrom}/{part}".encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(key, dtype="<u4").tolist()])
