"""The picture is well-formed, and shows what was counted."""

import re
import xml.etree.ElementTree as ElementTree

from shop.diary import Counted, Diary, Look, Note
from shop.picture import EARNED, HIGHEST, picture

SVG = "{http://www.w3.org/2000/svg}"


def diary() -> Diary:
    """Two hundred seconds: 0.1 is earned, then 0.4."""
    found = Diary()
    first = [Counted(1000.0 + n, {"popularity": (20 * n, 2 * n)}, 0) for n in range(1, 101)]
    before = (2000, 200)
    second = [
        Counted(
            1100.0 + n,
            {"popularity": before, "shop-1": (10 * n, 4 * n), "shop-2": (10 * n, 4 * n)},
            0,
        )
        for n in range(1, 101)
    ]
    found.counted = [*first, *second]
    found.looks = [Look(1010.0, {"stable": 0.5, "regression": 0.5}), Look(1050.0, {"stable": 0.0})]
    found.notes = [Note(1040.0, "a & b"), Note(1120.0, "autumn"), Note(9999.0, "after the end")]
    return found


def test_it_is_one_document_with_what_happened() -> None:
    root = ElementTree.fromstring(picture(diary()))
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert "a & b" in words and "autumn" in words and "after the end" not in words


def test_what_was_earned_has_its_height() -> None:
    (line,) = re.findall(r'class="earned" points="([^"]+)"', picture(diary()))
    top, bottom = EARNED
    heights = [float(point.split(",")[1]) for point in line.split()]
    for height, mean in ((heights[0], 0.1), (heights[-1], 0.4)):
        assert abs(height - (bottom - mean / HIGHEST * (bottom - top))) < 1


def test_shares_fill_the_whole() -> None:
    root = ElementTree.fromstring(picture(diary()))
    areas = [p for p in root.iter(f"{SVG}polygon")]
    assert [a.get("class") for a in areas] == ["popular", "first", "second"]
