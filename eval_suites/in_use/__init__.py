"""What a classifier on the model's features does with texts of one's own when the people in them are exchanged."""
