"""Base and treated runs over seeds, and what a mitigation changed in them."""
