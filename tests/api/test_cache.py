"""The whole operator on a real API server, each of its reads compared with a live list."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from asking import Kubectl
from kubernetes.aio import client, config
from operators import install
from test_kinds import SHA, body

from chart import NAMESPACE, RELEASE
from localcluster import credentials
from localcluster.apiserver import ApiServer, free_ports
from perennial import __main__ as operator
from perennial.api.values import Json
from perennial.cluster import own_kinds
from perennial.cluster.cached import CachedCluster
from perennial.cluster.client import Cluster

PATIENCE_SECONDS = 10.0
OURS = "app.kubernetes.io/managed-by=perennial"


class Compared(CachedCluster):
    """A cluster whose cached reads are soon as live ones, each of them."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.comparing: list[asyncio.Task[None]] = []
        self.differences: list[str] = []
        self.kinds: set[str] = set()

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Json | None:
        at = (api_version, kind, namespace, name)

        async def held() -> list[Json]:
            found = self.cache.get(*at)
            return [found] if found is not None else []

        async def live() -> list[Json]:
            found = await Cluster.get(self, *at)
            return [found] if found is not None else []

        if self.cache.source(api_version, kind) is not None:
            self._compare(f"{kind} {name}", at, held, live)
        return await super().get(*at)

    async def select(
        self, api_version: str, kind: str, namespace: str, selector: str = ""
    ) -> list[Json]:
        at = (api_version, kind, namespace)

        async def held() -> list[Json]:
            return [*self.cache.select(*at, selector)]

        async def live() -> list[Json]:
            return await Cluster.select(self, *at, selector)

        if self.cache.source(api_version, kind) is not None:
            self._compare(f"{kind}s with {selector}", at, held, live)
        return await super().select(*at, selector)

    def _compare(self, what: str, at: tuple[str, ...], held: Any, live: Any) -> None:
        source = self.cache.source(*at[:2])
        assert source is not None
        if self.cache.lacking(*at[:3]) is not None:
            return  # this API server does not know the kind

        async def compare() -> None:
            deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
            while True:
                there, here = await live(), await held()
                # What has not our label any more is not held, and a read of its name asks.
                ours = [b for b in there if source.picks(b["metadata"].get("labels", {}))]
                if [_plain(b) for b in ours] == here:
                    return
                if asyncio.get_running_loop().time() > deadline:
                    self.differences.append(f"{what}: {here} for {there}")
                    return
                await asyncio.sleep(0.2)

        self.kinds.add(source.kind)
        self.comparing.append(asyncio.create_task(compare()))


def _plain(body: Json) -> Json:
    meta = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    return {**body, "metadata": meta}


@pytest.fixture
async def compared(
    server: ApiServer, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Compared]:
    made: list[Compared] = []

    def make(*arguments: Any) -> Compared:
        made.append(Compared(*arguments))
        return made[0]

    health, metrics = free_ports(2)
    for name, value in (
        ("KUBECONFIG", str(server.kubeconfig)),
        ("PERENNIAL_NAMESPACE", "cached"),
        ("PERENNIAL_WATCH_NAMESPACES", "cached"),
        ("PERENNIAL_HEALTH_PORT", str(health)),
        ("PERENNIAL_METRICS_PORT", str(metrics)),
    ):
        monkeypatch.setenv(name, value)

    async def connect() -> client.ApiClient:
        await config.load_kube_config(str(server.kubeconfig))
        return client.ApiClient()

    monkeypatch.setattr(operator, "connect", connect)
    monkeypatch.setattr(operator, "CachedCluster", make)
    monkeypatch.setattr(operator, "heed_signals", lambda stopping: None)
    monkeypatch.setattr(own_kinds, "SWEEP_SECONDS", 3.0)
    kubectl("create", "namespace", "cached")
    running = asyncio.create_task(operator.operate())
    await until(lambda: made != [] and made[0].cache.is_listed("cached"))
    yield made[0]
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])


async def until(so: Callable[[], Any], seconds: float = 30) -> None:
    for _ in range(int(seconds * 10)):
        if so():
            return
        await asyncio.sleep(0.1)
    raise TimeoutError


def serve(name: str, namespace: str = "cached", replicas: int = 1) -> Json:
    artifact = {"uri": f"s3://models/sha256/{SHA}/", "sha256": SHA}
    made = body("ModelDeployment", name, model={"artifact": artifact}, replicas=replicas)
    made["metadata"]["namespace"] = namespace
    return made


async def test_all_that_the_operator_reads_is_soon_what_is_there(
    compared: Compared, kubectl: Kubectl
) -> None:
    async def run(*arguments: str, **more: Any) -> None:
        await asyncio.to_thread(kubectl, *arguments, "-n", "cached", **more)

    async def apply(made: Json) -> None:
        await run("apply", "--server-side", "--force-conflicts", "-f", "-", body=made)

    chance = random.Random(7)
    moves: list[Callable[[str], Awaitable[None]]] = [
        lambda name: apply(serve(name, replicas=chance.randint(1, 3))),
        lambda name: apply(serve(name, replicas=chance.randint(1, 3))),
        lambda name: run("delete", "md", name, "--wait=false"),
        lambda name: run("delete", "deploy", "-l", f"perennial.dev/deployment={name}"),
        lambda name: run("label", "svc", name, "app.kubernetes.io/managed-by-"),
        lambda name: run("label", "deploy", "-l", f"perennial.dev/deployment={name}", "x=y",
                         "--overwrite"),
        lambda name: run("scale", "deploy", "-l", f"perennial.dev/deployment={name}",
                         "--replicas=7"),
        lambda name: run("delete", "controllerrevision", "-l", OURS),
    ]  # fmt: skip
    for _ in range(40):
        await chance.choice(moves)(chance.choice(["a", "b", "c"]))
    for name in ("a", "b", "c"):
        await apply(serve(name))
    training = body("ModelTraining", "t")
    training["metadata"]["namespace"] = "cached"
    await apply(training)
    await asyncio.sleep(3)
    await asyncio.wait_for(asyncio.gather(*compared.comparing), 60)
    assert not compared.differences, compared.differences[:3]
    assert compared.kinds >= {"ModelDeployment", "ModelTraining", "Deployment", "Service",
                              "ControllerRevision", "Pod", "Job"}  # fmt: skip
    assert len(compared.comparing) > 100


async def test_the_cache_is_whole_where_nobody_reads(
    compared: Compared, cluster: Cluster, kubectl: Kubectl
) -> None:
    """Foreign pods are not in it, and what is deleted while nobody looks is not, either."""
    made = serve("left")
    await asyncio.to_thread(kubectl, "apply", "-f", "-", body=made)
    pod = {"containers": [{"name": "c", "image": "none"}]}
    foreign = {"apiVersion": "v1", "kind": "Pod",
               "metadata": {"name": "foreign", "namespace": "cached"}, "spec": pod}  # fmt: skip
    await asyncio.to_thread(kubectl, "create", "-f", "-", body=foreign)
    ghost = {**made, "metadata": {**made["metadata"], "name": "ghost", "uid": "g",
                                  "resourceVersion": "1"}}  # fmt: skip
    compared.cache.put(ghost)  # as if its deletion was never told

    async def whole() -> bool:
        for source in compared.cache.sources:
            at = (source.api_version, source.kind, "cached")
            if compared.cache.lacking(*at) is not None:
                continue
            live = [_plain(b) for b in await cluster.select(*at, source.selector)]
            if compared.cache.select(*at) != live:
                return False
        return True

    for _ in range(100):
        if await whole() and compared.cache.get(made["apiVersion"], made["kind"], "cached", "left"):
            break
        await asyncio.sleep(0.2)
    else:
        raise AssertionError("the cache is not what is there")
    assert compared.cache.get("v1", "Pod", "cached", "foreign") is None


async def test_kopf_ends_alone(
    server: ApiServer, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A refused watch ends Kopf, and Kopf every younger task of its loop: not one of ours."""
    kubectl("create", "namespace", "goes-soon")
    install(kubectl, 'watchNamespaces:=["goes-soon"]')
    token = kubectl("create", "token", RELEASE, "-n", NAMESPACE).out.strip()
    file = tmp_path / "kubeconfig"
    file.write_text(credentials.kubeconfig(server.url, server.authority, token))
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.setattr(own_kinds, "WATCH_SECONDS", 1)
    seen: list[tuple[str | None, str]] = []
    begun = asyncio.Event()

    def take(type: str | None, found: Json) -> None:
        seen.append((type, found["metadata"]["name"]))

    async def act(*arguments: str, **more: Any) -> None:
        await asyncio.to_thread(kubectl, *arguments, "-n", "goes-soon", **more)

    await act("apply", "-f", "-", body=serve("early", "goes-soon"))
    watching = asyncio.create_task(own_kinds.watch("goes-soon", take, begun.set))
    await until(lambda: (None, "early") in seen)
    assert begun.is_set()
    bystander = asyncio.create_task(asyncio.sleep(60))
    await act("delete", "md", "early")
    await until(lambda: ("DELETED", "early") in seen)
    await act("delete", "rolebinding", "perennial")
    with pytest.raises(Exception, match="forbidden"):
        await asyncio.wait_for(watching, 30)
    assert not bystander.done()
    bystander.cancel()
