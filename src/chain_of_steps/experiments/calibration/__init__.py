"""What readers make of degraded videos of known answers: the figure `calibration`."""
