"""How a new revision takes over: a file a strategy."""
