"""Where along the steps each tile of an answer is decided, by the inferences that it takes."""
