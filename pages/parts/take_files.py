"""The button that saves a file, which is made when it is pressed and not before."""

from collections.abc import Callable

import streamlit as st

#: By the end of a file's name.
_TYPES = {
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "png": "image/png",
    "html": "text/html",
    "bw": "application/octet-stream",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "xml": "application/xml",
    "zip": "application/zip",
}


def file_button(
    label: str,
    name: str,
    make: Callable[[], str | bytes],
    disabled: bool = False,
    help: str | None = None,
) -> None:
    """Offer a file.

    Parameters
    ----------
    label, help
        Of the button.
    name
        Of the file; its end says what kind it is.
    make
        Makes the content, in a thread that sees no session state. What it raises is not shown to
        the user, so what can fail has to be found out before.
    disabled
        Whether there is nothing to save.
    """
    st.download_button(
        label,
        make,
        file_name=name,
        mime=_TYPES.get(name.rsplit(".", 1)[-1], "text/plain"),
        key=f"download-{name}-{label}",
        on_click="ignore",
        disabled=disabled,
        icon=":material/download:",
        help=help,
    )
