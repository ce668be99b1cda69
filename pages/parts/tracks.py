"""The user's own rows: a BED, narrowPeak or bigWig file beside the data set's."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.export.bed import parse_bed
from seq2exp.files import atomic_path, cache_dir
from seq2exp.genome.locus import resolve_chrom
from seq2exp.genome.window import Window
from seq2exp.tracks.signal import Signal
from seq2exp.view.scene import UserTrack


@dataclass(frozen=True, eq=False)
class OwnTrack:
    """An uploaded file: intervals or a signal."""

    name: str
    intervals: pd.DataFrame | None = None
    signal: Signal | None = None

    def on(self, window: Window) -> UserTrack:
        """Return the row for one window."""
        if self.signal is None:
            return UserTrack(self.name, intervals=self.intervals)
        return UserTrack(self.name, values=self.signal.values(window.interval), unit="signal")


def user_track_control(dataset: Dataset) -> list[OwnTrack]:
    """Offer to add files as rows; a file that cannot be one is named with the reason."""
    uploads = st.file_uploader(
        "Add own tracks (BED, narrowPeak, bigWig)",
        type=["bed", "narrowPeak", "bw", "bigwig"],
        accept_multiple_files=True,
        key="own-tracks",
    )
    tracks = []
    for upload in uploads or ():
        try:
            tracks.append(_read(upload.name, upload.file_id, upload, dataset))
        except InputError as error:
            st.error(str(error), icon=":material/error:")
    return tracks


@st.cache_resource(max_entries=16, show_spinner=False)
def _read(name: str, file_id: str, _upload, _dataset: Dataset) -> OwnTrack:
    title = name.rsplit(".", maxsplit=1)[0]
    content = _upload.getvalue()
    if name.lower().endswith((".bw", ".bigwig")):
        # pyBigWig reads files by path only.
        path = cache_dir() / "uploads" / f"{file_id}.bw"
        with atomic_path(path) as draft:
            draft.write_bytes(content)
        try:
            signal = Signal(path)
            chroms = signal.lengths
        except InputError:
            path.unlink()
            raise InputError(
                f"{name} is not a readable bigWig; give the whole file, or a BED."
            ) from None
        if not any(resolve_chrom(chrom, _dataset.lengths) for chrom in chroms):
            raise InputError(_foreign(name, _dataset))
        return OwnTrack(title, signal=signal)
    frame = parse_bed(content.decode("utf-8", errors="replace"), name)
    places = {chrom: resolve_chrom(chrom, _dataset.lengths) for chrom in frame["chrom"].unique()}
    frame = frame.assign(chrom=frame["chrom"].map(places)).dropna(subset="chrom")
    if frame.empty:
        raise InputError(_foreign(name, _dataset))
    return OwnTrack(title, intervals=frame)


def _foreign(name: str, dataset: Dataset) -> str:
    return (
        f"{name} has nothing on the chromosomes of {dataset.name} "
        f"({', '.join(list(dataset.lengths)[:3])} …); give a file of the assembly "
        f"{dataset.assembly}."
    )
