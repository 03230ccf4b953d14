"""Thin handlers: gather what is observed, let ``plan`` decide, carry it out."""
