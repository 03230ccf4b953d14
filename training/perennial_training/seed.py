"""The one seed: the same rows and settings give the same model."""

SEED = 20130101
