"""The stages of a study: each takes a config and artifacts, and writes artifacts."""
