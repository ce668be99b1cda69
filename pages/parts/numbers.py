"""A number on a page: what it is, its value, its unit below, and what it means on hover."""

from streamlit.delta_generator import DeltaGenerator


def number(box: DeltaGenerator, name: str, value: str | None, unit: str, meaning: str) -> None:
    """Show a number with its unit below; None is a number still to come."""
    box.metric(
        name,
        "…" if value is None else value,
        delta=unit,
        delta_color="off",
        delta_arrow="off",
        help=meaning,
        border=True,
        width="stretch",
    )
