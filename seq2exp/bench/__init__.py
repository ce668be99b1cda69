"""How fast it is on this machine, beside its peers and what the machine could do at most."""
