"""What a mask means: elements, comparisons."""
