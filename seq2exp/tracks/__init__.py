"""What was measured: sequence, signals, contact, peaks, perturbations."""
