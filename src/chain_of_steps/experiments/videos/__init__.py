"""Videos of every case and condition."""
