"""What pods that we make have in common, and why pods do not become ready."""
