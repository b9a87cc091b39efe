"""desdecero: from your own text to your own language model, and the evidence to stand behind it."""
