"""Noise at steps and frames, its controls: Figures 3, S2."""
