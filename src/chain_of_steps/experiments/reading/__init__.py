"""How near readings by a cheap decoder are to those by the codec: the figure `reading`."""
