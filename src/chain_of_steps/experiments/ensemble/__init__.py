"""The training-free ensemble and its rivals: Table 1, S5."""
