"""A page that shows how far a study is, written again and again while it runs."""
