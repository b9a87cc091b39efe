"""One module for each file format: `extract(document)` finds the prose."""
