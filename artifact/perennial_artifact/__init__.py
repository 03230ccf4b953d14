"""The model artifact: what the trainer writes, the server reads and the operator records."""
