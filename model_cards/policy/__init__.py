"""What must hold before a model is published: `rules.yaml` declares the rules, `judge` applies them."""
