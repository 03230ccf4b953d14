"""Debian packages that the local cluster stands on: installed where we may, named where not."""

import os
import shutil
import subprocess
import sys

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "catatonit": "catatonit",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
}
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def path(command: str) -> str:
    """Return the path of an installed command."""
    found = shutil.which(command, path=PATH)
    assert found, f"{PACKAGES[command]} is not installed"
    return found


def missing() -> list[str]:
    """Return the packages whose commands are not there."""
    absent = {p for command, p in PACKAGES.items() if not shutil.which(command, path=PATH)}
    return sorted(absent)


def ensure() -> None:
    """Install what is missing; exit with a sentence where that cannot be done."""
    if os.geteuid() != 0:
        sys.exit(
            "The local cluster needs root, for namespaces and cgroups: run this with sudo, or "
            "start Docker and it will use kind."
        )
    if not (absent := missing()):
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *absent]
    if not shutil.which("apt-get"):
        sys.exit(f"Install these packages and run this again: {' '.join(absent)}")
    print(f"localcluster: installing {' '.join(absent)}", file=sys.stderr, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=False, env=environment)
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"apt-get could not install {' '.join(absent)}: install them, then run this again")
