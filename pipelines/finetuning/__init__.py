"""Examples to fine-tune on, from a user's files, and what a model has to beat on them."""
