"""The API server, with the rights of whoever calls: reads, watches, and one annotation.

Whatever goes wrong is a Problem: one sentence that says what to do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import urllib3
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException

from perennial.api import API_VERSION
from perennial.api.values import Json
from perennial.cli.kinds import Kind
from perennial.cli.lenient import at, entries, meta, text
from perennial.cli.problem import Problem

FIELD_MANAGER = "kubectl-perennial"
CONNECT_SECONDS, READ_SECONDS, WATCH_SECONDS = 5.0, 30.0, 240
PAGE = 500
LOG_BYTES = 16 * 1024 * 1024
POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


class Connection:
    """A connection to the API server.

    Args:
        kubeconfig: file; by default what KUBECONFIG names, else the usual one, else the pod's own.
        context: of the file; by default its current one.
        namespace: the one that is meant; by default the context's.

    Raises:
        Problem: there is no such file or context.
    """

    def __init__(self, kubeconfig: str = "", context: str = "", namespace: str = "") -> None:
        settings = client.Configuration()
        named = _configure(settings, kubeconfig, context)
        self.namespace = namespace or named
        settings.retries = urllib3.Retry(total=0)
        self.server: str = settings.host
        self._api = client.ApiClient(settings)

    def objects(self, kind: Kind, namespace: str) -> list[Json]:
        """Return the objects of a kind in a namespace, ``''`` for all of them."""
        return self._all(path_of(kind, namespace), {}, kind)

    def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return an object.

        Raises:
            Problem: ``absent`` where there is none.
        """
        try:
            body = self._call("GET", path_of(kind, namespace, name))
        except ApiException as error:
            raise self._problem(error, f"get {kind.plural}", kind) from error
        return {"apiVersion": API_VERSION, "kind": kind.kind, **body}

    def pods_of(self, deployment: Json) -> list[Json]:
        """Return the serving pods of a ModelDeployment."""
        return self._all(*pods_path(deployment))

    def report_pods_of(self, monitor: Json) -> list[Json]:
        """Return the pods that made the reports of a DriftMonitor, as far as they are there yet."""
        path = f"/api/v1/namespaces/{meta(monitor, 'namespace')}/pods"
        return self._all(path, {"labelSelector": f"perennial.dev/monitor={meta(monitor, 'name')}"})

    def log_of(self, pod: Json) -> str:
        """Return what a pod wrote, as far as it is kept.

        Raises:
            Problem: it may not be read.
        """
        path = f"/api/v1/namespaces/{meta(pod, 'namespace')}/pods/{meta(pod, 'name')}/log"
        try:
            response = self._request(
                "GET", path, {"container": "report", "limitBytes": str(LOG_BYTES)}
            )
            return str(response.read().decode("utf-8", "replace"))
        except ApiException as error:
            if error.status == 403:
                said = _sentence(error)
                raise Problem(
                    f"you may not read the pod's log: {said}; ask for pods/log, which "
                    "Kubernetes' own role view has"
                ) from error
            raise self._problem(error, f"read the log of pod {meta(pod, 'name')}") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    def records_of(self, deployment: Json) -> list[Json]:
        """Return what a ModelDeployment's revisions were made of: its ControllerRevisions."""
        path = f"/apis/apps/v1/namespaces/{meta(deployment, 'namespace')}/controllerrevisions"
        return self._all(path, {"labelSelector": _label(deployment)})

    def events_about(self, body: Json) -> list[Json]:
        """Return the Events about an object."""
        path = f"/api/v1/namespaces/{meta(body, 'namespace')}/events"
        return self._all(path, {"fieldSelector": f"involvedObject.uid={meta(body, 'uid')}"})

    def annotate(self, kind: Kind, body: Json, annotation: str, value: str) -> Json:
        """Write one annotation of an object as it was seen; another of its name is left alone."""
        path = path_of(kind, meta(body, "namespace"), meta(body, "name"))
        patch = {"metadata": {"uid": meta(body, "uid"), "annotations": {annotation: value}}}
        query = {"fieldManager": FIELD_MANAGER}
        try:
            return self._call("PATCH", path, query, patch, "application/merge-patch+json")
        except ApiException as error:
            raise self._problem(error, f"patch {kind.plural}", kind) from error

    def changes(self, path: str, query: Mapping[str, str], version: str) -> Iterator[Json]:
        """Return what happens to objects from a resourceVersion on, for some minutes at most."""
        more = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
        asked = {**query, **more, "timeoutSeconds": str(WATCH_SECONDS)}
        try:
            response = self._request("GET", path, asked, seconds=WATCH_SECONDS + READ_SECONDS)
            yield from _lines(response)
        except ApiException as error:
            raise self._problem(error, "watch") from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._unreachable(error) from error

    def listed(self, path: str, query: Mapping[str, str]) -> tuple[list[Json], str]:
        """Return objects, and the resourceVersion from which on their changes may be asked for."""
        items: list[Json] = []
        more: dict[str, str] = {"limit": str(PAGE)}
        while True:
            try:
                answer = self._call("GET", path, {**query, **more})
            except ApiException as error:
                raise self._problem(error, f"list {path.rpartition('/')[2]}") from error
            items += entries(answer.get("items"))
            token = text(at(answer, "metadata.continue"))
            if not token:
                return items, meta(answer, "resourceVersion")
            more["continue"] = token

    def _all(self, path: str, query: Mapping[str, str], kind: Kind | None = None) -> list[Json]:
        items, _ = self.listed(path, query)
        if kind is None:
            return items
        return [{"apiVersion": API_VERSION, "kind": kind.kind, **item} for item in items]

    def _call(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content: str = "application/json",
    ) -> Json:
        response = self._request(verb, path, query or {}, body, content)
        try:
            answer: Json = json.loads(response.read())
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._unreachable(error) from error
        return answer

    def _request(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str],
        body: Any = None,
        content: str = "application/json",
        seconds: float = READ_SECONDS,
    ) -> Any:
        """Make a request; its answer is read by whoever asked."""
        headers = {"Accept": "application/json", "Content-Type": content}
        try:
            asked = self._api.param_serialize(
                verb,
                path,
                query_params=list(query.items()),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
            )
            response = self._api.call_api(*asked, _request_timeout=(CONNECT_SECONDS, seconds))
        except ApiException:
            raise
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        if not 200 <= response.status <= 299:
            raise ApiException(http_resp=response, body=response.read().decode("utf-8", "replace"))
        return response

    def _unreachable(self, error: Exception) -> Problem:
        """Return what is told where the API server does not answer."""
        why = _cause(error)
        told = f"the API server at {self.server} does not answer ({why})"
        return Problem(f"{told}: see that the cluster is up, or name another with --context")

    def _problem(self, error: ApiException, what: str, kind: Kind | None = None) -> Problem:
        """Return what is told of a refusal."""
        said = _sentence(error)
        if error.status == 404 and not _names_an_object(error):
            return Problem(
                f"the cluster at {self.server} does not know {API_VERSION}: install Perennial "
                "there, take the kubectl perennial of its version, or name another cluster with "
                "--context"
            )
        if error.status == 404:
            return Problem(said, absent=True)
        if error.status == 401:
            return Problem(
                f"the API server at {self.server} does not know who you are: log in again, and "
                "try kubectl auth whoami"
            )
        if error.status == 403:
            return Problem(
                f"you may not {what}: {said}; ask for that right, which the chart's role "
                f"{'perennial-edit' if what.startswith('patch') else 'perennial-view'} has"
            )
        return Problem(f"the API server refused to {what} ({error.status}): {said}")


def path_of(kind: Kind, namespace: str, name: str = "") -> str:
    """Return the URL path of a kind in a namespace (``''`` for all), or of an object."""
    parts = [f"/apis/{API_VERSION}", *(["namespaces", namespace] if namespace else []), kind.plural]
    return "/".join([*parts, *([name] if name else [])])


def pods_path(deployment: Json) -> tuple[str, dict[str, str]]:
    """Return path and query of a ModelDeployment's serving pods."""
    path = f"/api/v1/namespaces/{meta(deployment, 'namespace')}/pods"
    return path, {"labelSelector": _label(deployment)}


def _label(deployment: Json) -> str:
    return f"perennial.dev/deployment={meta(deployment, 'name')}"


def _configure(settings: client.Configuration, kubeconfig: str, context: str) -> str:
    """Read the kubeconfig, or what a pod has instead; return the namespace that it names."""
    inside = "KUBERNETES_SERVICE_HOST" in os.environ and POD_NAMESPACE.exists()
    file = Path("~/.kube/config").expanduser()
    named = kubeconfig or os.environ.get("KUBECONFIG", "")
    try:
        if inside and not named and not file.exists():
            config.load_incluster_config(client_configuration=settings)
            return POD_NAMESPACE.read_text().strip()
        where = named or str(file)
        config.load_kube_config(
            where, context=context or None, client_configuration=settings, persist_config=False
        )
        contexts, active = config.list_kube_config_contexts(where)
    except (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, KeyError) as error:
        raise Problem(_config_sentence(error, kubeconfig, context)) from error
    chosen = next((c for c in contexts if c.get("name") == context), active) if context else active
    return text(at(chosen, "context.namespace")) or "default"


def _config_sentence(error: Exception, kubeconfig: str, context: str) -> str:
    """Return why there is no cluster to speak to."""
    where = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    said = " ".join(str(error).split()).rstrip(".")
    if context and context in said:
        return f"the kubeconfig {where} has no context {context}: see kubectl config get-contexts"
    return f"no cluster is configured in {where} ({said}): name a file with --kubeconfig"


def _sentence(error: ApiException) -> str:
    """Return the API server's own sentence."""
    try:
        return str(json.loads(error.body)["message"])
    except (ValueError, TypeError, KeyError):
        return str(error.body or error.reason or error.status).strip()[:200]


def _names_an_object(error: ApiException) -> bool:
    """Tell whether it is an object that is not there, rather than its whole kind."""
    try:
        return bool(at(json.loads(error.body), "details.name"))
    except (ValueError, TypeError):
        return False


def _cause(error: BaseException) -> str:
    """Return the innermost reason of an error, in as few words as it has."""
    inner: Any = getattr(error, "reason", None) or error
    while isinstance(inner, BaseException) and inner.__cause__ is not None:
        inner = inner.__cause__
    words = str(inner).rpartition(": ")[2] or type(inner).__name__
    return words.strip("<>[]()'\" .")[:120]


def _lines(response: Any) -> Iterator[Json]:
    """Return the JSON objects of a stream, one a line."""
    rest = b""
    for chunk in response.response.stream(65_536):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                found: Json = json.loads(line)
                yield found
