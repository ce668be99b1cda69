"""``python -m seq2exp``: the command line, where its script is not on the path."""

from seq2exp.cli import main

main()
