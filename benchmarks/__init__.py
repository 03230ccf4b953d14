"""Measurements, kept runnable: `make benchmark-serving` and `make benchmark-http`."""
