"""What is published of a run, how it reaches the Hub in one commit, and how it comes back."""
