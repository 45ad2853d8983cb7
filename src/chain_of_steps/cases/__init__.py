"""Evaluation cases: their folders, where they come from, reference answers."""
