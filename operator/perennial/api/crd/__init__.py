"""The CustomResourceDefinitions, from the Pydantic models: ``python -m perennial.api.crd``."""

from perennial.api.crd.translate import Translator, UnsupportedSchema, open_api_schema
from perennial.api.crd.write import definition, files, main, stale

__all__ = [
    "Translator",
    "UnsupportedSchema",
    "definition",
    "files",
    "main",
    "open_api_schema",
    "stale",
]
