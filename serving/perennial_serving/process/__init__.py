"""How the parts become processes that begin, answer for themselves and end."""
