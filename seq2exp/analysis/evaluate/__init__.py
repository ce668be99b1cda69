"""How good the models are: fit on held-out genes, masks against planted truth, CRISPRi.

`run` drives an evaluation, whose `steps` run networks (`outputs`) and judge them. `scores` says
what may tell regulatory bases, `planted` what they should tell; `calls` and `metrics` count, with
intervals over genes. `fit`, `truth`, `priors` and `crispri` make the rows of one table each,
`tables` lays them out in Markdown, and `folder` writes everything.
"""

from seq2exp.analysis.evaluate.options import CUTS, Options
from seq2exp.analysis.evaluate.run import evaluate

__all__ = ["CUTS", "Options", "evaluate"]
