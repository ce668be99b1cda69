"""What is taken away: BED, bigWig, sessions."""
