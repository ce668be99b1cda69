"""Learned elements beside called peaks and any other set of intervals.

What is compared is a gene's learned elements (the mask is the gene's own) with the intervals of
other sets inside the gene's window. The **counted bases** of a window are those that lie on the
chromosome, without the promoter (TSS ± 1 kb), which every mask holds open and which therefore says
nothing about what was learned; on request the promoter counts, in all sets alike. Blacklisted bases
count: that no mask keeps them is part of what is compared.

Numbers over several genes are sums over their windows. Where windows overlap, **a base or an
interval counts once for each gene** in whose window it lies, in numerator and denominator alike.

`genes` chooses genes, `sets` holds named intervals, `spans` does their arithmetic, `counts` counts
what two sets share, `upset` what several share, `rows` tells what each interval is like (`genomic`:
where it lies among genes), `shuffles` what chance would give, `sweeps` what the thresholds do.
`settings` says how to do all that, `gene` does it for a gene, `run` for gene after gene, `pooled`
adds up; `units` names the units of the tables.
"""
