"""Behaviours that the paper shows by example, as numbers (arXiv 2603.16870, section 4)."""
