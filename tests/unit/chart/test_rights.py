"""Whom the chart gives which rights, and where."""

from typing import Any

import pytest

from chart import CHART, NAMESPACE, environment, helm, parse, pods, render
from perennial.settings import read

ALL, TWO = "watchNamespaces:=[]", 'watchNamespaces:=["team-a", "team-b"]'
LOCAL, WIDE = ("Role", "RoleBinding"), ("ClusterRole", "ClusterRoleBinding")
OWN = {(kind, NAMESPACE, "perennial-operator") for kind in LOCAL}
Rights = dict[tuple[str, str, str], dict[str, Any]]


def rights(objects: list[dict[str, Any]]) -> Rights:
    """Return the operator's roles and bindings, by kind, namespace and name."""
    return {
        (o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]): o
        for o in objects
        if o["kind"] in LOCAL + WIDE and not o["metadata"]["name"].endswith(("-view", "-edit"))
    }


def test_every_namespace_is_watched_by_a_cluster_role() -> None:
    objects = render()
    assert set(rights(objects)) == OWN | {(kind, "", "perennial") for kind in WIDE}
    assert read(environment(objects))[1].watch_namespaces == ()


def test_named_namespaces_are_watched_by_a_role_in_each_and_no_cluster_role() -> None:
    objects = render(TWO)
    found, teams = rights(objects), ("team-a", "team-b")
    assert set(found) == OWN | {(k, team, "perennial") for k in LOCAL for team in teams}
    assert read(environment(objects))[1].watch_namespaces == teams
    whole = rights(render())[("ClusterRole", "", "perennial")]["rules"]
    assert all(found[("Role", team, "perennial")]["rules"] == whole for team in teams)


def test_the_releases_own_namespace_may_be_watched_too() -> None:
    objects = render(f'watchNamespaces:=["{NAMESPACE}"]')
    assert set(rights(objects)) == OWN | {(kind, NAMESPACE, "perennial") for kind in LOCAL}
    assert len([o for o in objects if o["kind"] in LOCAL]) == 4


@pytest.mark.parametrize("watched", [ALL, TWO])
def test_rights_go_to_the_account_that_is_used(watched: str) -> None:
    for settings, account in (
        ((), "perennial"),
        (("serviceAccount.name=mine",), "mine"),
        (("serviceAccount.create=false", "serviceAccount.name=theirs"), "theirs"),
        (("serviceAccount.create=false",), "default"),
    ):
        objects = render(watched, *settings)
        assert pods(objects)["Deployment/perennial"]["serviceAccountName"] == account
        made = [o["metadata"]["name"] for o in objects if o["kind"] == "ServiceAccount"]
        assert made == ([] if "serviceAccount.create=false" in settings else [account])
        found = rights(objects)
        bindings = {key: o for key, o in found.items() if key[0].endswith("Binding")}
        assert len(bindings) == len(found) / 2
        for (_, namespace, _), binding in bindings.items():
            ref, (subject,) = binding["roleRef"], binding["subjects"]
            assert (ref["kind"], namespace, ref["name"]) in found
            assert (subject["name"], subject["namespace"]) == (account, NAMESPACE)


@pytest.mark.parametrize("watched", [ALL, TWO])
def test_of_all_secrets_only_the_default_stores_may_be_read(watched: str) -> None:
    def secrets(*settings: str) -> set[tuple[str, ...]]:
        found = rights(render(watched, "store.embedded.enabled=false", *settings))
        rules = [
            r for o in found.values() for r in o.get("rules", []) if "secrets" in r["resources"]
        ]
        return {tuple(r.get("resourceNames", r["verbs"])) for r in rules}

    assert secrets("store.uri=gs://ours", "store.existingSecret=gcs") == {("gcs",), ("create",)}
    assert secrets("store.uri=") == set()


def test_none_are_given_where_none_are_wanted() -> None:
    assert not rights(render("rbac.create=false", TWO))


def test_what_blocks_an_owners_deletion_may_be_made() -> None:
    """Where OwnerReferencesPermissionEnforcement is on, as on OpenShift, all else is refused."""
    rules = rights(render())[("ClusterRole", "", "perennial")]["rules"]
    allowed = {r for rule in rules if "update" in rule["verbs"] for r in rule["resources"]}
    assert allowed >= {
        "modeltrainings/finalizers",
        "modeldeployments/finalizers",
        "jobs/finalizers",
    }


def test_on_openshift_the_cluster_gives_the_ids() -> None:
    done = helm("template", "perennial", str(CHART), "--api-versions", "security.openshift.io/v1")
    objects = parse(done.stdout)
    assert environment(objects)["PERENNIAL_POD_USER"] == ""
    assert read(environment(objects))[0].pod_user is None
    for name, pod in pods(objects).items():
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(pod["securityContext"]), name
        assert pod["securityContext"]["runAsNonRoot"], name
    assert read(environment(render()))[0].pod_user == 65532
    assert read(environment(render("global.podUser=null")))[0].pod_user is None
