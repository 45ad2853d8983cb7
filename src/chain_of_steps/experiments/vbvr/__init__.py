"""Scores of videos by VBVR-Bench: Table 2."""
