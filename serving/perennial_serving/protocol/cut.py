"""Long lists of data, cut out of a request's JSON, so that what is left is parsed in no time.

Nothing here looks at more than a piece at once, nor at any byte more than a few times.
"""

from __future__ import annotations

import re
import secrets

import numpy as np

# Up to so many bytes, a list of objects is made sooner than an array.
SHORT = 2048
# Up to so many bytes, values become objects in a millisecond or two.
PIECE = 64 * 1024
# What is read without objects is quicker.
NUMBERS_PIECE = 256 * 1024
# Of what is larger than a piece, lists that are cut out.
_CUT = 64
# How far is looked first for the end of a list, which is near where there are many of them.
_FIRST_LOOK = 512
# How deeply lists are nested where they are cut out.
_DEPTH = 32

_DATA = re.compile(rb'"data"\s*:\s*\[')
_KEY_BYTES = 256
# A value that no client can know, with its number.
_SECRET = secrets.token_hex(16).encode()
STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
STRINGS = re.compile(STRING, re.DOTALL)
STRINGS_OR_BRACKETS = re.compile(rb"(" + STRING + rb")|[\[\]]", re.DOTALL)
_WHOLE = re.compile(rb'(?:[^"]++|' + STRING + rb")++", re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]"))

Content = bytes | bytearray


def cut_out(content: Content) -> tuple[bytes, dict[bytes, tuple[int, int]]]:
    """Return a request's JSON with a text in the place of each long list of data, and which it was.

    Where the request is no JSON, the rest is none either.
    """
    large = len(content) > PIECE
    pieces: list[Content] = []
    lists: dict[bytes, tuple[int, int]] = {}
    at = key = 0
    while (key := _find(content, b'"data"', key)) >= 0:
        found = _DATA.match(content, key, key + _KEY_BYTES)
        key += 1
        if found is None:
            continue
        first = found.end() - 1
        end = _end_of_numbers(content, first)
        if end < 0 and large:
            end = _end_of_list(content, first)
            if end < 0:  # nor has what holds it
                break
        if end - first >= (_CUT if large else SHORT):
            place = b'"%s%d"' % (_SECRET, len(lists))
            pieces += (content[at:first], place)
            lists[place] = first, end
            at = key = end
    pieces.append(content[at:])
    return b"".join(pieces), lists


def _find(content: Content, what: bytes, at: int) -> int:
    while at < len(content):
        found = content.find(what, at, at + NUMBERS_PIECE + len(what))
        if found >= 0:
            return found
        at += NUMBERS_PIECE
    return -1


def _end_of_numbers(content: Content, first: int) -> int:
    """Return the end of a list without strings, -1 where it has some, or no end.

    What has no quotes and no braces, from a bracket to the last one before these, is one value.
    """
    end = content.find(b"]", first) + 1
    if end and content.find(b"[", first + 1, end) < 0 and content.find(b'"', first, end) < 0:
        return end  # a flat one
    quote = content.find(b'"', first)
    stop = len(content) if quote < 0 else quote
    brace = content.find(b"}", first, stop)  # no further: keys may follow one another in millions
    end = content.rfind(b"]", first, stop if brace < 0 else brace) + 1
    if not end or occurrences(content, b"[", first, end) != occurrences(content, b"]", first, end):
        return -1
    return end


def _end_of_list(content: Content, first: int) -> int:
    """Return the end of any list, -1 where it has none."""
    at, depth, stop = first, 0, len(content)
    size = _FIRST_LOOK
    while at < stop:
        found = _WHOLE.match(content, at, min(at + size, stop))
        size = min(2 * size, PIECE)
        if found is None:  # a string that is longer
            at = end_of_string(content, at, stop)
            continue
        text = STRINGS.sub(b"", found[0])
        steps = 92 - np.frombuffer(text.translate(None, _NO_BRACKETS), np.int8)
        depths = depth + np.cumsum(steps, dtype=np.int64)
        if depths.max(initial=0) > _DEPTH:
            return -1
        if depths.min(initial=1) <= 0:
            return _bracket(content, at, int(np.argmax(depths <= 0)))
        depth = int(depths[-1]) if depths.size else depth
        at = found.end()
    return -1


def _bracket(content: Content, at: int, number: int) -> int:
    """Return the end of a bracket outside of strings, by its number from a place on."""
    while True:
        found = STRINGS_OR_BRACKETS.search(content, at)
        assert found is not None
        at = found.end()
        if found[1] is None:
            if number == 0:
                return at
            number -= 1


def end_of_string(content: Content, at: int, stop: int) -> int:
    """Return the end of a string that begins here, or the stop."""
    while (quote := content.find(b'"', at + 1, stop)) >= 0:
        inner = content[at + 1 : quote]
        if (len(inner) - len(inner.rstrip(b"\\"))) % 2 == 0:
            return quote + 1
        at = quote
    return stop


def occurrences(content: Content, what: bytes, first: int = 0, end: int | None = None) -> int:
    """Return how often a byte occurs."""
    end = len(content) if end is None else end
    starts = range(first, end, NUMBERS_PIECE)
    return sum(content.count(what, at, min(at + NUMBERS_PIECE, end)) for at in starts)
