"""The tables of the Models page: what is saved of them reads like what is shown."""

import pandas as pd
import pytest

from pages.parts.models_table import UNKNOWN, Column, to_markdown

COLUMNS = {
    "system": Column("System"),
    "mse": Column("MSE", "log10(CAGE + 1) squared", "%.3f"),
    "ratio": Column("Mask ratio", "", "percent"),
    "n": Column("Examples", "", "localized"),
    "seeds": Column("Seeds"),
}
FRAME = pd.DataFrame(
    {"system": ["A|B", "C"], "mse": [0.23912, None], "ratio": [0.0895, 0.1]}
    | {"n": [12_345, 268], "seeds": [3, 1]}
)


def test_markdown_has_the_heads_and_the_formats_of_the_page():
    marks = pd.DataFrame("", FRAME.index, FRAME.columns)
    marks.loc[0, "mse"] = "font-weight: 700"
    head, _, first, second = to_markdown(FRAME, COLUMNS, marks).strip().split("\n")
    assert head == "| System | MSE | Mask ratio | Examples | Seeds |"
    assert first == r"| A\|B | **0.239** | 8.95% | 12,345 | 3 |"
    assert second == f"| C | {UNKNOWN} | 10.00% | 268 | 1 |"


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [(Column("x"), "", ""), (Column("x", "", "%.3g"), 0.05, "0.05"), (Column("x"), None, UNKNOWN)],
)
def test_values_are_written_as_they_are_shown(column, value, text):
    assert column.text(value) == text
