"""How a metric is held against something: a file a test, each with evidence of its own form."""
