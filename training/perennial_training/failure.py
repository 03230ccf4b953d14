"""Failures that a retry cannot help; each says what to do."""


class TrainingFailure(Exception):
    """The candidate cannot be trained; ``reason`` is a word for programs, the text a sentence."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
