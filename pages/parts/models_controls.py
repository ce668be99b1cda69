"""What several parts of the Models page ask and say alike."""

import pandas as pd
import streamlit as st

from seq2exp.analysis.results import COMMAND

#: What scores of bases and elements are made of, by which they are coloured.
SCORE_GROUPS = ("learned masks", "signals, nothing learned", "MACS3 peaks")

_DATA = "seq2exp demo --size full --out demo_full"


def choose_split(frame: pd.DataFrame, key: str) -> str:
    """Ask for the split of the chromosomes where there are several; test comes first."""
    splits = sorted(frame["split"].unique(), key=lambda name: (name != "test", name))
    if len(splits) == 1:
        return splits[0]
    return st.segmented_control("Chromosomes", splits, default=splits[0], required=True, key=key)


def make_results() -> None:
    """Say how results are made."""
    st.caption(
        "The first command makes the simulated data, the second scores every model of the models "
        "folder on them and writes what this page shows."
    )
    st.code(f"{_DATA}\n{COMMAND}", language="bash", wrap_lines=True)


def nothing(what: str) -> None:
    """Say that the results lack a table, and how it is made."""
    st.info(f"These results have no {what}. Make them with `{COMMAND}`.", icon=":material/info:")


def score_group(score: str) -> str:
    """Return which of `SCORE_GROUPS` a score belongs to."""
    if score.startswith("learned mask"):
        return SCORE_GROUPS[0]
    return SCORE_GROUPS[2] if score.startswith("MACS3") else SCORE_GROUPS[1]
