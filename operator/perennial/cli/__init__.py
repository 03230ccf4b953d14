"""``kubectl perennial``: what people see and ask for. It speaks to the API server only."""
