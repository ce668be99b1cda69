"""Running a trained network on a gene."""
