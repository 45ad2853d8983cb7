"""The training-free ensemble and its rivals, all on the same cases: Table 1."""
