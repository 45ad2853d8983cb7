"""The page on which one draws a puzzle and watches small models solve it in the browser."""
