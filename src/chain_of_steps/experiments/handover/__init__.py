"""What a step hands on to the next: mistakes put in, pictures swapped, tiles moved, states read."""
