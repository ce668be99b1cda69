"""The network: backbone, Beta mask, predictor, checkpoints."""
