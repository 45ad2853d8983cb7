"""Looking at runs: the page, strips for papers, labels by hand."""
