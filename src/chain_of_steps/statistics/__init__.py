"""Means with intervals, paired tests, and how they are judged and printed."""
