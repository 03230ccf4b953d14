"""A pod of the trainer's image, which runs once: of a run, or of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perennial.api.values import Json
from perennial.plan.core import Settings
from perennial.plan.pods.security import container_security, pod_security
from perennial.plan.pods.volumes import Opens, secret_volume, with_claims


@dataclass(frozen=True)
class TrainerPod:
    """What such a pod has of its own."""

    container: str
    """The container's name."""
    command: Sequence[str]
    resources: Json
    opens: Opens
    secrets: Mapping[str, str]
    """Secrets that it mounts, by what they are for; '' is none."""
    service_account: str = ""
    environment: Sequence[Json] = ()
    config_map: str = ""
    """One that it reads ``run.json`` of."""

    def template(self, settings: Settings) -> Json:
        """Return the pod's spec, within the restricted Pod Security Standard."""
        secrets = {purpose: secret for purpose, secret in self.secrets.items() if secret}
        run: Json = {"name": "run", "mountPath": "/perennial", "readOnly": True}
        record: Json = {
            "name": "run",
            "configMap": {
                "name": self.config_map,
                "items": [{"key": "run.json", "path": "run.json"}],
            },
        }
        pod: Json = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": pod_security(settings.pod_user),
            "containers": [
                {
                    "name": self.container,
                    "image": settings.trainer_image,
                    "imagePullPolicy": settings.image_pull_policy,
                    "command": [*self.command],
                    "env": [{"name": "OMP_NUM_THREADS", "value": "1"}, *self.environment],
                    "resources": self.resources,
                    "securityContext": container_security(),
                    "volumeMounts": [
                        *([run] if self.config_map else []),
                        {"name": "tmp", "mountPath": "/tmp"},
                        *(
                            {"name": p, "mountPath": f"/perennial-secrets/{p}", "readOnly": True}
                            for p in secrets
                        ),
                    ],
                }
            ],
            "volumes": [
                *([record] if self.config_map else []),
                {"name": "tmp", "emptyDir": {}},
                *(secret_volume(purpose, secret) for purpose, secret in secrets.items()),
            ],
        }
        if self.service_account:
            pod["serviceAccountName"] = self.service_account
        if settings.image_pull_secrets:
            pod["imagePullSecrets"] = [{"name": n} for n in settings.image_pull_secrets]
        return with_claims(pod, **{self.container: self.opens})
