"""What the audit stage is made of: its suites, what they read of a run, and what is said of them."""
