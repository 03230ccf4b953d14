"""What a person asks for by an annotation: VERB/TOKEN, once."""

from perennial.plan.core.finding import Finding

REQUEST_ANNOTATION = "perennial.dev/request"
REQUEST_LENGTH = 253


def request_of(annotations: dict[str, str], handled: str) -> tuple[str, str] | None:
    """Return ``(verb, whole text)`` of a person's request that was not handled yet.

    One that the status cannot hold would be handled at every look: it is none.
    """
    text = annotations.get(REQUEST_ANNOTATION, "")
    if not text or text == handled or len(text) > REQUEST_LENGTH:
        return None
    return text.partition("/")[0], text


def too_long(annotations: dict[str, str]) -> Finding | None:
    """Return why a person's request is refused, None where there is none or it is sound."""
    length = len(annotations.get(REQUEST_ANNOTATION, ""))
    if length <= REQUEST_LENGTH:
        return None
    message = (
        f"the annotation {REQUEST_ANNOTATION} has {length} characters and was not handled; "
        f"{REQUEST_LENGTH} are allowed: write VERB/TOKEN with a short token"
    )
    return Finding("RequestTooLong", message)
