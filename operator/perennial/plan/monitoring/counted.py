"""On which profile pods counted, and whether what they say is counted on it."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from perennial_artifact.profile import FeatureProfile, Profile
from perennial_artifact.windows import Column, Window, merge


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


def only_columns(window: Window) -> Window:
    """Return what a window has of features and predictions; of a model without any it has none."""
    return window.replace(
        predictions=window.predictions or [], requests=None, outcomes=None, pairs=None, usage=None
    )


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


def thinned(profile: Profile, names: Collection[str]) -> Callable[[Window | None], Window | None]:
    """Return what makes a window small: of all but some features and predictions it tells zero.

    A window that does not fit the profile is none.
    """
    zeros = [
        None if p.name in names else Column([0] * len(p.counts), 0, 0, 0)
        for p in (*profile.features, *profile.predictions)
    ]

    def thin(window: Window | None) -> Window | None:
        if window is None or not fits(profile, window):
            return None
        columns = [
            zero if zero is not None else column
            for zero, (_, column) in zip(zeros, paired(profile, window), strict=True)
        ]
        first = len(profile.features)
        return window.replace(features=columns[:first], predictions=columns[first:])

    return thin


def chosen(
    profile: Profile, windows: Sequence[Window], names: Collection[str]
) -> list[tuple[tuple[FeatureProfile, Column], bool]]:
    """Return some features and predictions with what all pods counted of them.

    Each with whether it is a prediction. Windows are those that fit the profile.
    """
    ours = [i for i, p in enumerate(profile.features) if p.name in names]
    theirs = [i for i, p in enumerate(profile.predictions) if p.name in names]
    found = merge(
        w.replace(
            features=[(w.features or [])[i] for i in ours],
            predictions=[(w.predictions or [])[i] for i in theirs],
            requests=None,
            outcomes=None,
            usage=None,
        )
        for w in windows
    )
    features = zip((profile.features[i] for i in ours), found.features or (), strict=True)
    predictions = zip(
        (profile.predictions[i] for i in theirs), found.predictions or (), strict=True
    )
    return [*((pair, False) for pair in features), *((pair, True) for pair in predictions)]
