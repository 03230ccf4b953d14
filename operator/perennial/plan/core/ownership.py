"""Which objects are ours."""

from perennial.api.values import Json

FIELD_MANAGER = "perennial"
MANAGED_BY = {"app.kubernetes.io/managed-by": "perennial", "app.kubernetes.io/part-of": "perennial"}


def owner_reference(kind: str, name: str, uid: str) -> Json:
    """Return a controller reference to one of our objects."""
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by(child: Json, uid: str) -> bool:
    """Tell whether the child's controller is the object with this uid."""
    references = child.get("metadata", {}).get("ownerReferences", [])
    return any(r.get("controller") and r.get("uid") == uid for r in references)
