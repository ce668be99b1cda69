"""How rows are painted for print; the page is laid out in `seq2exp.view.matplotlib`."""
