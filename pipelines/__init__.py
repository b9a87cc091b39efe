"""The stages of a run, and the parts they are made of."""
