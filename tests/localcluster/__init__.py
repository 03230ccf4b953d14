"""The local cluster: unmodified upstream components on one machine, without Docker."""
