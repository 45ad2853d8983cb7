"""What stored latents show without a reader, of any cases: the figure `latents`."""
