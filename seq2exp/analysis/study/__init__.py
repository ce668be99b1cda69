"""A study: which models are trained and why, trained and evaluated by it, and what came out.

`plan` reads the list of runs, `training` trains those that are missing, `collect` evaluates them
and keeps what is small. From that alone `document` writes the report, with `targets`, `gradients`
and `contents` making its tables.
"""
