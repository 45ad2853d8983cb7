"""More steps, more passes at one noise level, or more samples: what each buys."""
