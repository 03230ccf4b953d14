"""How requests are divided among revisions: a file a way."""
