"""Adapters: what the core needs of a video model, and nothing of any experiment."""
