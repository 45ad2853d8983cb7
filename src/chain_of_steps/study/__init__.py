"""A study as a whole: its configuration, plan, cost, claims and manifest."""
