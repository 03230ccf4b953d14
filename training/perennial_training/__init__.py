"""The built-in trainer: one candidate of one run, from rows to a published artifact."""
