"""VBVR-Bench (Video-Reason/VBVR-Bench-Data) and own pictures as cases, and the bench's scorer."""
