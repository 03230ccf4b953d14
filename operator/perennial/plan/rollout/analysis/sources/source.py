"""What every source of numbers says of itself, and the names that a question may hold."""

import re
from dataclasses import dataclass
from typing import Protocol

from perennial.api.deployment import PLACEHOLDERS, AnalysisMetric, OutsideLimit
from perennial.plan.core.outside import OutsideQuestion

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

        They are names of Kubernetes' own, so that none can end a string of PromQL, or a host.
        """
        for placeholder in PLACEHOLDERS:
            name = str(getattr(self, placeholder))
            assert _NAME.fullmatch(name), f"{placeholder} {name!r} is no name"
            text = text.replace(f"{{{{{placeholder}}}}}", name)
        return text


class Source(Protocol):
    """Where a number comes from."""

    def limit_of(self, asked: AnalysisMetric) -> OutsideLimit | None:
        """Return what is asked of this source, None where another one is."""

    def question(self, id: str, asked: OutsideLimit, names: Names) -> OutsideQuestion:
        """Return what is to be asked."""
