"""Which files go together: data sets, the simulated demo among them."""
