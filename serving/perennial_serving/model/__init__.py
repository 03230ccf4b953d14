"""A model in memory: loaded, checked, known."""

from perennial_serving.model.loaded import Model, load

__all__ = ["Model", "load"]
