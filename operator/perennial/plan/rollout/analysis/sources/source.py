"""What every source of numbers says of itself, and the names that a question may hold."""

import re
from dataclasses import dataclass
from typing import Protocol

from perennial.api.deployment import PLACEHOLDERS, AnalysisMetric, OutsideLimit
from perennial.plan.core.outside import OutsideQuestion

NOBODY = "none"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


@dataclass(frozen=True)
class Names:
    """Whose numbers are asked for: what stands for the placeholders."""

    namespace: str
    name: str
    canary: str
    stable: str

    def into(self, text: str) -> str:
        """Return a text with names in place of its placeholders.

        They are names of Kubernetes' own, so that none can end a string of PromQL, or a host; what
        a hand has made something else of stands for nobody.
        """
        for placeholder in PLACEHOLDERS:
            name = str(getattr(self, placeholder))
            known = name if _NAME.fullmatch(name) else NOBODY
            text = text.replace(f"{{{{{placeholder}}}}}", known)
        return text


class Source(Protocol):
    """Where a number comes from."""

    def limit_of(self, asked: AnalysisMetric) -> OutsideLimit | None:
        """Return what is asked of this source, None where another one is."""

    def question(self, id: str, asked: OutsideLimit, names: Names) -> OutsideQuestion:
        """Return what is to be asked."""
