"""Seq2Exp: which bases around a gene regulate its expression, and how to look at them.

The packages build on each other from left to right and never the other way:
``genome`` → ``tracks`` → ``datasets`` → ``model`` → ``training``, ``inference`` →
``analysis`` → ``view``, ``export``.
"""

__version__ = "0.1.0"
