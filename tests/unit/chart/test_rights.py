"""Whom the chart gives which rights, and where."""

from typing import Any

import pytest

from chart import CHART, NAMESPACE, environment, flags, helm, parse, pods, render, template
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
    assert whole[-1]["resources"] == ["namespaces"]  # no namespace has them
    own = whole[:-1]
    handing = [r for r in own if r["resources"] == ["secrets"] and r["verbs"] == ["update"]]
    assert len(handing) == 1
    rest = [r for r in own if r not in handing]
    assert all(found[("Role", team, "perennial")]["rules"] == rest for team in teams)
    trusted = rights(render(TWO, 'store.namespaces:=["team-b"]'))
    rules = {team: trusted[("Role", team, "perennial")]["rules"] for team in teams}
    assert rules == {"team-a": rest, "team-b": [*rest, *handing]}


def test_the_store_is_handed_to_no_namespace_that_is_not_watched() -> None:
    done = template(TWO, 'store.namespaces:=["team-c"]')
    assert done.returncode != 0 and "store.namespaces names team-c" in done.stderr
    for watched in (ALL, 'watchNamespaces:=["team-c"]'):
        options = read(environment(render(watched, 'store.namespaces:=["team-c"]')))[1]
        assert options.store_namespaces == ("team-c",)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ((ALL,), "kubectl label namespace NAMESPACE perennial.dev/default-store=allowed"),
        ((TWO, 'store.namespaces:=["team-b"]'), "is handed to team-b (value store.namespaces)"),
        ((TWO,), "is handed to no namespace"),
        (("store.embedded.enabled=false", "store.uri="), ""),
    ],
)
def test_the_notes_say_who_has_the_store(settings: tuple[str, ...], told: str) -> None:
    notes = helm("install", "x", str(CHART), "--dry-run", *flags(*settings))
    assert told in notes.stdout.partition("NOTES:")[2]
    assert bool(told) == ("default store" in notes.stdout.partition("NOTES:")[2])


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
    def rules(*settings: str) -> list[dict[str, Any]]:
        found = rights(render(watched, "store.embedded.enabled=false", *settings))
        return [r for o in found.values() for r in o.get("rules", [])]

    def secrets(*settings: str) -> set[tuple[str, ...]]:
        found = [r for r in rules(*settings) if "secrets" in r["resources"]]
        return {tuple(r.get("resourceNames", r["verbs"])) for r in found}

    assert secrets("store.uri=gs://ours", "store.existingSecret=gcs") == {("gcs",), ("create",)}
    # The keys of receipts are made, and never read.
    assert secrets("store.uri=") == {("create",)}
    assert not [r for r in rules("store.uri=") if "namespaces" in r["resources"]]


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
    # To change an owner, as a run's ConfigMap becomes its Job's, takes the right to delete.
    deletes = {r for rule in rules if "delete" in rule["verbs"] for r in rule["resources"]}
    assert "configmaps" in deletes


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
