"""Answers to questions about what is outside the API server, bounded in time and size."""
