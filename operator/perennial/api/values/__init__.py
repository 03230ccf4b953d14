"""What fields hold: names, times, amounts, and the rules that Kubernetes checks them by."""

from perennial.api.values.durations import Duration, Time, bound, no_longer, seconds, within
from perennial.api.values.labels import FOREIGN_KEYS, VALID_KEYS, LabelValue, Word
from perennial.api.values.names import (
    HeaderName,
    Name,
    ObjectName,
    ScorerName,
    Sha256,
    Text,
    Uri,
)
from perennial.api.values.quantities import ByteSize, Quantity, byte_count, quantity, sized
from perennial.api.values.rules import Json, at_most_one_of, one_of, rule
from perennial.api.values.urls import plain_url

__all__ = [
    "FOREIGN_KEYS",
    "VALID_KEYS",
    "ByteSize",
    "Duration",
    "HeaderName",
    "Json",
    "LabelValue",
    "Name",
    "ObjectName",
    "Quantity",
    "ScorerName",
    "Sha256",
    "Text",
    "Time",
    "Uri",
    "Word",
    "at_most_one_of",
    "bound",
    "byte_count",
    "no_longer",
    "one_of",
    "plain_url",
    "quantity",
    "rule",
    "seconds",
    "sized",
    "within",
]
