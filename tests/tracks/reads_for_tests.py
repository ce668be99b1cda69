"""Small sets of reads with known sites."""

import gzip
import struct

import numpy as np

SITES = (20_000, 60_000, 61_000, 150_000)


def simulate(seed: int = 1, size: int = 200_000, chrom: str = "chr1") -> list[tuple]:
    """Return reads (chrom, start, end, strand) of 36 bp: background and four open sites."""
    rng = np.random.default_rng(seed)
    cuts = [rng.integers(0, size - 36, 3_000)]
    cuts += [np.clip(rng.normal(site, 40, 120), 0, size - 36).astype(int) for site in SITES]
    reads = []
    for cut in np.sort(np.concatenate(cuts)).tolist():
        plus = bool(rng.random() < 0.5)
        # The 5' end, where DNase cut, is the start of a plus read and the end of a minus read.
        start = cut if plus else max(cut - 35, 0)
        reads.append((chrom, start, start + 36, "+" if plus else "-"))
    return reads


def write_bed(path, reads):
    text = "".join(f"{c}\t{s}\t{e}\t.\t0\t{strand}\n" for c, s, e, strand in reads)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_bam(path, reads, lengths, end_mark=True):
    """Write an uncompressed-in-blocks BAM by hand, from the SAM/BAM specification, section 4.2."""
    names = list(lengths)
    body = [b"BAM\x01", struct.pack("<ii", 0, len(names))]
    for name in names:
        text = name.encode() + b"\0"
        body += [struct.pack("<i", len(text)), text, struct.pack("<i", lengths[name])]
    for i, (chrom, start, end, strand) in enumerate(reads):
        name = f"r{i}".encode() + b"\0"
        length = end - start
        record = struct.pack(
            "<iiBBHHHiiii",
            names.index(chrom), start, len(name), 60, 4680, 1,
            16 if strand == "-" else 0, length, -1, -1, 0,
        )  # fmt: skip
        record += name + struct.pack("<I", length << 4)
        record += b"\x11" * ((length + 1) // 2) + b"\xff" * length
        body += [struct.pack("<i", len(record)), record]
    data = gzip.compress(b"".join(body))
    if end_mark:
        data += bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    path.write_bytes(data)
    return path


def write_fasta(path, lengths, n_first=0):
    """Write a genome, lower case every other line, `n_first` N at each chromosome's start."""
    with open(path, "w") as file:
        for name, length in lengths.items():
            file.write(f">{name} AC>GT notes\n")
            text = "N" * n_first + "ACGT" * (length // 4 + 1)
            text = text[:length]
            for i in range(0, length, 50):
                line = text[i : i + 50]
                file.write((line.lower() if i % 100 else line) + "\n")
    return path
