"""The cache beside the live lists, whatever its feed repeats, reorders, drops or lists anew."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from served import Server

from effort import tried
from perennial.api.values import Json
from perennial.cluster.cache import Cache, Source, terms
from perennial.cluster.queue import Key

OURS = "app.kubernetes.io/managed-by=perennial"
WHOLE = Source("perennial.dev/v1alpha1", "ModelDeployment")
CHILDREN = Source("apps/v1", "Deployment", OURS)
SELECTORS = ["", "perennial.dev/deployment=a", "perennial.dev/deployment=a,role=stable", "role=x"]


def body(name: str, labels: Json | None = None, namespace: str = "team", **more: Any) -> Json:
    meta = {"name": name, "namespace": namespace, "labels": labels or {}}
    return {"apiVersion": CHILDREN.api_version, "kind": CHILDREN.kind, "metadata": meta, **more}


def labelled(ours: bool, deployment: str, role: str) -> Json:
    managed = {"app.kubernetes.io/managed-by": "perennial" if ours else "helm"}
    return {**managed, "perennial.dev/deployment": deployment, "role": role}


def same(cache: Cache, server: Server) -> None:
    """Every read is answered as the API server would, of what is ours."""
    of = (CHILDREN.api_version, CHILDREN.kind)
    for namespace in ("", "team", "other", "none"):
        for selector in SELECTORS:
            live = server.listed("Deployment", namespace, f"{selector},{OURS}")
            assert cache.select(*of, namespace, selector) == live, (namespace, selector)
    for namespace in ("team", "other"):
        for name in "abc":
            live = [b for b in server.listed("Deployment", namespace, OURS)
                    if b["metadata"]["name"] == name]  # fmt: skip
            assert cache.get(*of, namespace, name) == (live[0] if live else None)


names = st.tuples(st.sampled_from(["team", "other"]), st.sampled_from("ab"))
labels = st.builds(labelled, st.booleans(), st.sampled_from("ab"), st.sampled_from(["stable", "x"]))
happenings = st.lists(
    st.one_of(st.tuples(st.just("write"), names, labels), st.tuples(st.just("remove"), names)),
    max_size=14,
)


def happen(server: Server, what: Any) -> None:
    match what:
        case ("write", (namespace, name), found):
            server.write(body(name, found, namespace))
        case ("remove", (namespace, name)) if ("Deployment", namespace, name) in server.objects:
            server.remove("Deployment", namespace, name)


def tell(cache: Cache, event: tuple[str, Json]) -> None:
    type, told = event
    cache.remove(told) if type == "DELETED" else cache.put(told)


@tried(300)
@given(happenings, st.randoms(use_true_random=False))
def test_in_any_order_and_however_often_events_end_at_what_is_live(what: Any, random: Any) -> None:
    server, cache = Server(), Cache([CHILDREN])
    for each in what:
        happen(server, each)
    told = server.history * random.choice([1, 2])
    random.shuffle(told)
    seen: dict[tuple[str, str], int] = {}
    for event in told:
        tell(cache, event)
        for held in cache.select(CHILDREN.api_version, CHILDREN.kind):
            name = (held["metadata"]["namespace"], held["metadata"]["name"])
            assert seen.get(name, 0) <= held.version, "an older word was believed"
            seen[name] = held.version
    same(cache, server)


@tried(300)
@given(st.lists(st.tuples(happenings, st.integers(0, 3)), max_size=5), st.data())
def test_whatever_is_lost_a_list_mends_it(rounds: Any, data: Any) -> None:
    """Also a list that is told late, after events and our own writes that are newer."""
    server, cache = Server(), Cache([CHILDREN])
    lists: list[tuple[list[Json], str]] = []
    for happened, late in rounds:
        before = len(server.history)
        for each in happened:
            happen(server, each)
        for event in server.history[before:]:
            if data.draw(st.booleans(), "told"):
                tell(cache, event)
        lists.append((server.listed("Deployment", "", OURS), str(server.version)))
        if late < len(lists):
            known = cache.select(CHILDREN.api_version, CHILDREN.kind)
            bodies, version = lists[-1 - late]
            cache.replace(CHILDREN, "", bodies, version)
            held = {h["metadata"]["uid"]: h.version
                    for h in cache.select(CHILDREN.api_version, CHILDREN.kind)}  # fmt: skip
            newer = {k["metadata"]["uid"]: k.version for k in known if k.version > int(version)}
            assert newer.items() <= held.items(), "an old list took what is newer"
    cache.replace(CHILDREN, "", server.listed("Deployment", "", OURS), str(server.version))
    same(cache, server)


def test_a_list_of_one_namespace_is_about_no_other() -> None:
    server, cache = Server(), Cache([CHILDREN])
    for namespace in ("team", "other"):
        cache.put(server.write(body("a", labelled(True, "a", "x"), namespace)))
    server.remove("Deployment", "team", "a")
    cache.replace(CHILDREN, "team", [], str(server.version))
    same(cache, server)


def test_the_word_that_it_is_gone_is_about_that_one_alone_and_stays() -> None:
    server, cache = Server(), Cache([CHILDREN])
    first = server.write(body("a", labelled(True, "a", "x")))
    cache.put(first)
    server.remove("Deployment", "team", "a")
    second = server.write(body("a", labelled(True, "a", "x")))
    cache.put(second)
    at = (CHILDREN.api_version, CHILDREN.kind, "team", "a")
    cache.forget(*at, first["metadata"]["uid"])
    assert cache.get(*at) == second
    cache.forget(*at, second["metadata"]["uid"])
    later = {**second, "metadata": {**second["metadata"], "resourceVersion": "9999"}}
    assert not cache.put(later) and cache.get(*at) is None


def test_until_every_kind_was_listed_nothing_is_absent() -> None:
    cache, opened = Cache([WHOLE, CHILDREN]), list[str]()
    cache.opened.append(opened.append)
    cache.replace(WHOLE, "team", [], "1")
    assert not cache.is_listed("team") and not opened
    cache.replace(CHILDREN, "team", [], "1")
    cache.replace(CHILDREN, "team", [], "2")
    assert cache.is_listed("team") and not cache.is_listed("other") and opened == ["team"]
    cache.drop(WHOLE, "team")
    assert not cache.is_listed("team")
    for source in (WHOLE, CHILDREN):
        cache.replace(source, "", [], "3")
    assert cache.is_listed("team") and cache.is_listed("any") and opened == ["team", ""]


def test_what_may_not_be_read_is_not_known() -> None:
    server, cache = Server(), Cache([CHILDREN])
    for namespace in ("team", "other"):
        cache.put(server.write(body("a", labelled(True, "a", "x"), namespace)))
    cache.drop(CHILDREN, "team")
    found = cache.select(CHILDREN.api_version, CHILDREN.kind)
    assert [f["metadata"]["namespace"] for f in found] == ["other"]
    cache.replace(CHILDREN, "team", server.listed("Deployment", "team"), str(server.version))
    same(cache, server)


def test_what_a_cluster_may_do_without_is_known_not_to_be_there() -> None:
    """Nothing waits for it for ever, and what depends on it is told when it comes, or goes."""
    routes = Source("gateway.networking.k8s.io/v1", "HTTPRoute", OURS, optional=True)
    at = (routes.api_version, routes.kind)
    cache, opened = Cache((WHOLE, routes)), list[str]()
    cache.opened.append(opened.append)
    cache.replace(WHOLE, "", [], "1")
    assert not cache.is_listed("team") and not opened, "not listed yet is not absent"
    cache.do_without(routes, "", (404, "not found"))
    assert cache.is_listed("team") and cache.lacking(*at, "team") == (404, "not found")
    cache.do_without(routes, "", (404, "not found"))
    assert opened == [""], "looked for in vain again, it wakes nobody"
    route = {**body("a", {"app.kubernetes.io/managed-by": "perennial"}), "kind": "HTTPRoute"}
    route["metadata"] |= {"resourceVersion": "8", "uid": "a"}
    cache.replace(routes, "", [{**route, "apiVersion": at[0]}], "9")
    assert opened == ["", ""] and cache.lacking(*at, "team") is None
    assert [live["metadata"]["name"] for live in cache.select(*at)] == ["a"]
    cache.do_without(routes, "", (403, "forbidden"))
    assert len(opened) == 3 and not cache.select(*at)
    assert cache.lacking(*at, "team") == (403, "forbidden")


def test_of_no_body_anything_is_kept_that_is_large_and_unread() -> None:
    server, cache = Server(), Cache([CHILDREN])
    made = server.write(body("a", labelled(True, "a", "x")))
    made["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    cache.put(made)
    (held,) = cache.select(CHILDREN.api_version, CHILDREN.kind)
    assert "managedFields" not in held["metadata"] and "managedFields" in made["metadata"]


references = st.lists(st.sampled_from("ab"), max_size=2)


@tried(200)
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.none() | references), max_size=20))
def test_who_refers_to_whom_is_as_the_bodies_say(moves: list[tuple[str, list[str] | None]]) -> None:
    server = Server()

    def refers(found: Json) -> list[Key]:
        return [Key("T", "team", name) for name in found.get("refers", [])]

    cache = Cache([CHILDREN], refers)
    for name, to in moves:
        if to is not None:
            cache.put(server.write(body(name, labelled(True, "a", "x"), refers=to)))
        elif ("Deployment", "team", name) in server.objects:
            cache.remove(server.remove("Deployment", "team", name))
    for target in "ab":
        expected = {
            Key("Deployment", "team", b["metadata"]["name"])
            for b in server.listed("Deployment")
            if target in b["refers"]
        }
        assert cache.referring(Key("T", "team", target)) == expected


def test_each_change_is_told_once() -> None:
    server, cache = Server(), Cache([CHILDREN])
    told: list[tuple[int, int]] = []
    cache.changed.append(
        lambda before, after: told.append((getattr(before, "version", 0),
                                           getattr(after, "version", 0)))
    )  # fmt: skip
    made = server.write(body("a", labelled(True, "a", "x")))
    changed = server.write(body("a", labelled(True, "a", "y")))
    gone = server.remove("Deployment", "team", "a")
    for each in (made, made, changed, made):
        cache.put(each)
    cache.remove(gone)
    cache.remove(gone)
    cache.put(changed)
    assert told == [(0, 101), (101, 102), (102, 0)]


@pytest.mark.parametrize("selector", ["a", "a!=b", "a in (b)", "a==b", "!a"])
def test_a_selector_that_is_not_understood_is_no_selector_that_picks_all(selector: str) -> None:
    assert terms("a=b,c=") == {"a": "b", "c": ""}
    with pytest.raises(ValueError, match="label=value"):
        terms(selector)
