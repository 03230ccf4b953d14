"""Certificates, tokens and kubeconfigs of a cluster that lives as long as a test."""

import base64
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

AUDIT_POLICY = Path(__file__).parent / "audit.yaml"
SERVICE_CIDR = "10.96.0.0/16"
NODE = "perennial"
COMPONENTS = {
    "system:kube-controller-manager": "",
    "system:kube-scheduler": "",
    "system:kube-proxy": "",
    f"system:node:{NODE}": "system:nodes",
}


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def write(directory: Path, addresses: Sequence[str]) -> str:
    """Write an authority, the server's certificate and a token of an administrator; return it."""
    ca, server = directory / "ca", directory / "apiserver"
    subject = ["-days", "365", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    _openssl(
        "req", "-x509", *subject, "-subj", "/CN=perennial-local",
        "-keyout", f"{ca}.key", "-out", f"{ca}.crt",
    )  # fmt: skip
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"]
    names.append("kubernetes.default.svc.cluster.local")
    san = ",".join([f"DNS:{n}" for n in names] + [f"IP:{a}" for a in addresses])
    _openssl(
        "req", "-x509", *subject, "-subj", "/CN=kube-apiserver",
        "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-addext", f"subjectAltName={san}",
        "-addext", "basicConstraints=critical,CA:FALSE",
        "-keyout", f"{server}.key", "-out", f"{server}.crt",
    )  # fmt: skip
    _openssl(
        "req", "-x509", *subject, "-subj", "/CN=kube-apiserver-kubelet-client/O=system:masters",
        "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key",
        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=clientAuth",
        "-keyout", f"{directory}/kubelet-client.key", "-out", f"{directory}/kubelet-client.crt",
    )  # fmt: skip
    _openssl("genrsa", "-out", str(directory / "service-accounts.key"), "2048")
    token = secrets.token_hex(16)
    lines = [f'{token},admin,admin,"system:masters"']
    for user, group in COMPONENTS.items():
        own = secrets.token_hex(16)
        lines.append(f'{own},{user},{user},"{group}"')
        (directory / f"{user.replace(':', '-')}.token").write_text(own)
    (directory / "tokens.csv").write_text("\n".join(lines) + "\n")
    (directory / "tokens.csv").chmod(0o600)
    return token


def apiserver_flags(directory: Path, service_cidr: str = SERVICE_CIDR) -> list[str]:
    """Return the flags that both tiers of the API server share."""
    return [
        f"--cert-dir={directory}",
        f"--tls-cert-file={directory}/apiserver.crt",
        f"--tls-private-key-file={directory}/apiserver.key",
        f"--client-ca-file={directory}/ca.crt",
        f"--token-auth-file={directory}/tokens.csv",
        f"--service-account-key-file={directory}/service-accounts.key",
        f"--service-account-signing-key-file={directory}/service-accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={service_cidr}",
        "--authorization-mode=Node,RBAC",
        "--shutdown-watch-termination-grace-period=2s",
    ]


def kubeconfig(url: str, authority: Path, token: str) -> str:
    """Return a kubeconfig of one cluster, one user and one context called perennial."""
    data = base64.b64encode(authority.read_bytes()).decode()
    return f"""\
apiVersion: v1
kind: Config
current-context: perennial
clusters:
- name: perennial
  cluster: {{server: "{url}", certificate-authority-data: {data}}}
users:
- name: admin
  user: {{token: {token}}}
contexts:
- name: perennial
  context: {{cluster: perennial, user: admin}}
"""
