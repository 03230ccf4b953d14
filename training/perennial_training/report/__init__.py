"""A report from the request log: counts for the operator, and a page for people."""
