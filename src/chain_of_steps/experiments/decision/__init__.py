"""When the answer is decided along the steps: Figures 1, 2, S1."""
