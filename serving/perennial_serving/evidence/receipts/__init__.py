"""Receipts: what was predicted, sealed, so that whoever is given one reads nothing of it.

A client that quotes it with what it learned later has that counted by any pod, with no store.
"""
