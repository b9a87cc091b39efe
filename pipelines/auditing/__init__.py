"""What the audit takes from the run and from files of one's own, as plain data for its measures."""
