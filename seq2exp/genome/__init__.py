"""Where things are: intervals, genes, windows."""
