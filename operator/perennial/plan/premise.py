"""What a write that lowers capacity leans on: so it was seen, and so it must still be then."""

from dataclasses import dataclass

from perennial.api.values import Json


@dataclass(frozen=True)
class Premise:
    """An object as it was seen; a lowering write that leans on it is not done once it is not so."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    version: str = ""
    """Its resourceVersion, where it must not have changed at all."""
    selector: Json | None = None
    """A Service's selector."""
    pods: int = 0
    """Pods of a Deployment that were ready, and asked for, at least."""

    def holds(self, present: Json | None) -> bool:
        """Tell whether the object, as it is now, is as it was seen."""
        if present is None or present["metadata"]["uid"] != self.uid:
            return False
        spec, status = present.get("spec", {}), present.get("status", {})
        if self.version and present["metadata"].get("resourceVersion") != self.version:
            return False
        if self.selector is not None and spec.get("selector") != self.selector:
            return False
        return self.pods <= min(int(spec.get("replicas", 1)), int(status.get("readyReplicas", 0)))


def lowers(present: Json, wanted: Json) -> bool:
    """Tell whether applying an object to the present one turns a Service, or takes pods away."""
    now, then = present.get("spec", {}), wanted.get("spec", {})
    if wanted["kind"] == "Service":
        return bool(now.get("selector") != then.get("selector"))
    if wanted["kind"] == "Deployment":
        return int(then.get("replicas", 1)) < int(now.get("replicas", 1))
    return False
