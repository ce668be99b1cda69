"""Going to the Browser from another page: to a gene in a cell type, and perhaps to a part of it."""

import streamlit as st

from pages.parts.genome import SHOWN, look_at
from pages.parts.navigation import leave
from pages.parts.work import open_data
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval

#: What is shown on either side of a region: a share of its width, and at least so many bp.
_MARGIN, _LEAST_BP = 0.5, 1_000


def open_in_browser(gene_id: str = "", cell: str = "", region: Interval | None = None) -> None:
    """Go to the Browser, which keeps the active model, and perhaps to a gene in a cell type.

    Where the open data set does not have the gene or the cell type, that is said instead.

    Parameters
    ----------
    gene_id, cell
        Empty: those of the Browser.
    region
        What to look at, with a margin; None: the gene's whole window.
    """
    choices = {}
    if gene_id:
        dataset = open_data()
        try:
            gene = dataset.gene(gene_id)
            if cell not in dataset.cells:
                raise InputError(f"it has no cell type '{cell}'")
        except InputError as error:
            st.warning(
                f"{gene_id} in {cell} cannot be opened in “{dataset.name}” ({error}). Start the "
                "app with `--dataset` and the data set that these results are of.",
                icon=":material/link_off:",
            )
            return
        # Symbols stand in the Browser's list, but not each is one gene's alone.
        unique = dataset.gene(gene.name).id == gene.id
        # The Browser's controls have these keys, and write them into its address.
        choices = {"gene": gene.name if unique else gene.id, "cell": cell}
    if region is not None:
        # As if the Browser had shown the gene already, and somebody had moved there.
        st.session_state[SHOWN] = choices.get("gene") or st.session_state["gene"]
        margin = max(int(_MARGIN * region.width), _LEAST_BP)
        look_at(Interval(region.chrom, region.start - margin, region.end + margin))
    leave(choices)
