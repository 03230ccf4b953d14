"""Where one cluster keeps its things: all names follow from the checkout, so two never collide."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from localcluster.images import ROOT


@dataclass(frozen=True)
class State:
    """Paths, names and addresses of one cluster."""

    directory: Path
    octet: int = 0
    """Second octet of the cluster's 10.N.0.0/16: pods 10.N.0.0/17, services 10.N.128.0/18."""

    @property
    def id(self) -> str:
        """Six characters that stand for the directory."""
        return hashlib.sha256(str(self.directory).encode()).hexdigest()[:6]

    @property
    def run(self) -> Path:
        """Sockets and run-time state: a short path, since sockets allow 107 characters."""
        return Path("/run") / f"perennial-{self.id}"

    @property
    def socket(self) -> Path:
        """containerd's socket."""
        return self.run / "containerd.sock"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.directory / "kubeconfig"

    @property
    def values(self) -> Path:
        """The chart's values that name the images which are loaded."""
        return self.directory / "images.yaml"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log."""
        return self.directory / "audit.log"

    @property
    def link(self) -> str:
        """Name of the host's end of the cable."""
        return f"pn{self.id}"

    @property
    def cgroup(self) -> str:
        """The cgroup below which all pods are."""
        return f"perennial-{self.id}"

    def address(self, last: int) -> str:
        """Address on the cable: 1 is the host, 2 the node."""
        return f"10.{self.octet}.254.{last}"

    @property
    def node(self) -> str:
        """The node's address."""
        return self.address(2)

    @property
    def pods(self) -> str:
        """Addresses of pods."""
        return f"10.{self.octet}.0.0/17"

    @property
    def services(self) -> str:
        """Addresses of Services."""
        return f"10.{self.octet}.128.0/18"

    @property
    def everything(self) -> str:
        """All addresses of the cluster."""
        return f"10.{self.octet}.0.0/16"

    @property
    def url(self) -> str:
        """The API server's URL."""
        return f"https://{self.node}:6443"


def locate() -> State:
    """Return the checkout's cluster, with its addresses where it has been up before."""
    directory = Path(os.environ.get("PERENNIAL_CLUSTER", ROOT / ".cluster")).resolve()
    octet = directory / "octet"
    return State(directory, int(octet.read_text()) if octet.exists() else 0)


def choose(state: State) -> State:
    """Choose addresses that no route of this machine uses yet, starting from the id's own."""
    if state.octet:
        return state
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    first = int(state.id, 16)
    for offset in range(100):
        octet = 100 + (first + offset) % 100
        if f"10.{octet}." not in routes:
            state.directory.mkdir(parents=True, exist_ok=True)
            (state.directory / "octet").write_text(str(octet))
            return State(state.directory, octet)
    raise RuntimeError("all of 10.100.0.0/16 to 10.199.0.0/16 are in use on this machine")
