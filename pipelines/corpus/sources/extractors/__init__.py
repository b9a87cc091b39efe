"""One module for each form that documents come in: `extract(document)` finds the prose."""
