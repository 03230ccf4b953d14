"""What a client is told; each text names the place, what was expected and what came."""


class RequestError(Exception):
    """The request is at fault: ``status`` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ModelInvalid(Exception):
    """The model cannot be loaded."""
