"""What a model is worth, measured on rows that it did not learn from, and what it answers there."""
