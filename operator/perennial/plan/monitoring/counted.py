"""On which profile pods counted, and whether what they say is counted on it."""

from collections import Counter
from collections.abc import Iterable

from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.windows import Column, Window


def common_profile(windows: Iterable[Window | None]) -> str:
    """Return the SHA-256 of the profile that most pods counted on, '' where none did.

    Pods of one revision count on one: whoever tells another is not believed.
    """
    counted = Counter(w.profile for w in windows if w is not None and w.profile)
    return max(counted, key=lambda digest: (counted[digest], digest), default="")


def fits(profile: Profile, window: Window) -> bool:
    """Tell whether a window has the bins of a profile."""
    try:
        paired(profile, window)
    except ValueError:
        return False
    return True


def paired(profile: Profile, window: Window) -> list[tuple[FeatureProfile, Column]]:
    """Return features and predictions with what was counted of them live.

    Raises:
        ValueError: the window was not counted on this profile.
    """
    profiles = (*profile.features, *profile.predictions)
    live = (*(window.features or ()), *(window.predictions or ()))
    if [len(p.counts) for p in profiles] != [len(column.counts) for column in live]:
        raise ValueError("what the pods counted does not fit their profile")
    return list(zip(profiles, live, strict=True))
