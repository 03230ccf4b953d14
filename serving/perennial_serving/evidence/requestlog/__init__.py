"""Sampled requests and their feedback, on their way to the store as Parquet.

The server appends frames to files in a spool directory; :mod:`perennial_serving.ship`, a process of
its own that alone knows the store's credentials, turns them into Parquet.
"""
