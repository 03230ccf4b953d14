"""What should be known about a column beside its kind."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from perennial_artifact.manifest import Kind
from perennial_training.prepare.gather import Gathered
from perennial_training.prepare.notes import Notes, counted
from perennial_training.prepare.numbers import LENIENT, STRICT
from perennial_training.prepare.plain import Converted, flags
from perennial_training.prepare.words import Words

_ALMOST_NUMBERS = (
    r"^[$€£¥]?\s*[+-]?(?:[0-9]{1,3}(?:[, '’][0-9]{3})*|[0-9]+)(?:[.,][0-9]+)?\s*[%$€£¥]?$"
)
"""1,234 and $5 and 12 % and 1,5: numbers to people, and to no program."""


def note_words(column: Gathered, kind: Kind, found: Converted, notes: Notes) -> None:
    """Note how many words were taken for missing in a column that is no text."""
    if "text" not in column.sorts:
        return
    said = np.concatenate([flags(part.values.is_valid()) for part in column.parts])
    meant = said & np.isnan(found.values) & ~found.misfits
    if not meant.any():
        return
    text, place = column.example(meant)
    notes.add(
        "missing",
        "words are taken for missing",
        column.name,
        f"{column.name} is a {kind}: {counted(int(meant.sum()), 'value', 'is')} taken for missing, "
        f"such as {text} in {place}",
    )


def note_mixed(words: Words, notes: Notes) -> None:
    """Note why a column that holds numbers, or seems to, is a Category."""
    column, name = words.column, words.column.name
    is_number = words.match(STRICT)
    others = ~is_number & ~words.mean_missing
    numbers, rest = words.count(is_number), words.count(others)
    if not rest:
        return
    text, place = words.example(others)
    declare = f"declare {{name: {name}, kind: Number}} in dataset.columns"
    share, one = f"{rest:,} of {counted(numbers + rest, 'value')}", rest == 1
    if (words.match(LENIENT) | ~others).all():
        has = "has" if one else "have"
        reason = f"{share} {has} leading zeros, as codes have, such as {text} in {place}"
        advice = f"if they are numbers, {declare}"
    elif (words.match(_ALMOST_NUMBERS) | ~others).all():
        reason = (
            f"{share} {'is' if one else 'are'} not written as numbers, such as {text} in {place}"
        )
        advice = "if they are some, write them with digits and a decimal point alone"
    elif numbers > rest or len(column.sorts) > 1:
        reason = f"{share} {'is' if one else 'are'} no number, such as {text} in {place}"
        advice = f"if that means missing, list it in dataset.missing, or mend it and {declare}"
    else:
        return
    notes.add(
        "columns",
        "categories since not all values are numbers",
        name,
        f"{name} is a Category since {reason}: {advice}",
    )


def note_category(words: Words, notes: Notes) -> None:
    """Note what of a Category may be meant otherwise than it is learned."""
    name, meant = words.column.name, words.mean_missing
    if meant.any():
        text, place = words.example(meant)
        notes.add(
            "missing",
            "words that may mean missing are categories",
            name,
            f"{name} has {counted(words.count(meant), 'value')} such as {text} in {place}, a "
            "category like any other: if it means missing, list it in dataset.missing",
        )
    trimmed = pc.utf8_trim_whitespace(words.distinct)
    spaced = flags(pc.not_equal(trimmed, words.distinct)) & ~meant
    if spaced.any():
        text, place = words.example(spaced)
        notes.add(
            "columns",
            "white space around a value is part of it",
            name,
            f"{name} has {counted(words.count(spaced), 'value')} with white space around it, such "
            f"as {text} in {place}, which is part of the category: clients must send it, too",
        )
