"""What was altered in a run, or in what was published of it: seals, files, card, dossier and scores."""
