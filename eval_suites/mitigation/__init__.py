"""What a mitigation changed: a base and a treated model over several seeds, and the verdict."""
