"""The pocket reasoner: its pipeline, training and card."""
