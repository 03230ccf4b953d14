"""Perennial's control plane: observe, plan, apply."""

__version__ = "0.1.0"
