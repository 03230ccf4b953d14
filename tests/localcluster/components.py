"""Configuration files and command lines of the upstream components."""

import json
from pathlib import Path

from localcluster import binaries, credentials, images
from localcluster.apiserver import ADMISSION
from localcluster.state import State

NODE = credentials.NODE


def write(state: State, token: str) -> None:
    """Write every component's configuration."""
    directory, authority = state.directory, state.directory / "ca.crt"
    for name in ("log", "etcd", "containerd", "kubelet", "cni", "volumes", "manifests"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    for n in range(4):
        volume = directory / "volumes" / f"{n}"
        volume.mkdir(exist_ok=True)
        volume.chmod(0o777)
    state.kubeconfig.write_text(credentials.kubeconfig(state.url, authority, token))
    state.kubeconfig.chmod(0o600)
    for user in credentials.COMPONENTS:
        name = user.replace(":", "-")
        own = (directory / f"{name}.token").read_text()
        file = directory / f"{name}.kubeconfig"
        file.write_text(credentials.kubeconfig(state.url, authority, own))
        file.chmod(0o600)
    (directory / "containerd.toml").write_text(f"""\
version = 2
root = "{directory}/containerd"
state = "{state.run}/containerd"
[grpc]
address = "{state.socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{images.pause().reference}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{directory}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.internal.v1.opt"]
path = "{state.run}/opt"
""")
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": f"{state.run}/ipam",
            "ranges": [[{"subnet": state.pods}]],
        },
    }
    plugins = [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}]
    network = {"cniVersion": "1.0.0", "name": "perennial", "plugins": plugins}
    (directory / "cni" / "10-perennial.conflist").write_text(json.dumps(network))
    (directory / "Corefile").write_text(f"""\
cluster.local in-addr.arpa {{
    errors
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {state.kubeconfig} perennial
        ttl 1
    }}
}}
. {{
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
""")
    kubelet = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{state.cgroup}",
        "failCgroupV1": False,
        "enforceNodeAllocatable": [],
        "clusterDomain": "cluster.local",
        "clusterDNS": [state.node],
        "containerRuntimeEndpoint": f"unix://{state.socket}",
        # Not the machine's own, where two kubelets would clear away each other's logs.
        "podLogsDir": str(directory / "pods"),
        "staticPodPath": str(directory / "manifests"),
        "failSwapOn": False,
        "resolvConf": str(directory / "resolv.conf"),
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "maxPods": 110,
        "volumePluginDir": str(directory / "kubelet" / "plugins"),
        "nodeStatusUpdateFrequency": "5s",
        "shutdownGracePeriod": "0s",
    }
    (directory / "kubelet.json").write_text(json.dumps(kubelet))
    (directory / "resolv.conf").write_text(f"nameserver {state.node}\n")


def commands(state: State) -> dict[str, list[str]]:
    """Return every component's command line, in the order of their start."""
    directory = state.directory

    def own(user: str) -> str:
        return str(directory / f"{user.replace(':', '-')}.kubeconfig")

    def binary(name: str) -> str:
        return str(binaries.path(name))

    manager = own("system:kube-controller-manager")
    scheduler = own("system:kube-scheduler")
    return {
        "etcd": [
            binary("etcd"),
            f"--data-dir={directory}/etcd",
            "--listen-client-urls=http://127.0.0.1:2379",
            "--advertise-client-urls=http://127.0.0.1:2379",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        "kube-apiserver": [
            binary("kube-apiserver"),
            "--etcd-servers=http://127.0.0.1:2379",
            f"--advertise-address={state.node}",
            "--secure-port=6443",
            *credentials.apiserver_flags(directory, state.services),
            f"--kubelet-client-certificate={directory}/kubelet-client.crt",
            f"--kubelet-client-key={directory}/kubelet-client.key",
            "--kubelet-preferred-address-types=InternalIP",
            f"--enable-admission-plugins=NodeRestriction,{ADMISSION}",
            f"--audit-log-path={state.audit_log}",
            f"--audit-policy-file={credentials.AUDIT_POLICY}",
        ],
        "containerd": ["containerd", "--config", str(directory / "containerd.toml")],
        "kube-controller-manager": [
            binary("kube-controller-manager"),
            f"--kubeconfig={manager}",
            f"--authentication-kubeconfig={manager}",
            f"--authorization-kubeconfig={manager}",
            f"--service-account-private-key-file={directory}/service-accounts.key",
            f"--root-ca-file={directory}/ca.crt",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
        ],
        "kube-scheduler": [
            binary("kube-scheduler"),
            f"--kubeconfig={scheduler}",
            f"--authentication-kubeconfig={scheduler}",
            f"--authorization-kubeconfig={scheduler}",
            "--leader-elect=false",
        ],
        "kubelet": [
            binary("kubelet"),
            f"--config={directory}/kubelet.json",
            f"--kubeconfig={own(f'system:node:{NODE}')}",
            f"--hostname-override={NODE}",
            f"--node-ip={state.node}",
            f"--root-dir={directory}/kubelet",
            f"--cert-dir={directory}/kubelet/pki",
        ],
        "kube-proxy": [
            binary("kube-proxy"),
            f"--kubeconfig={own('system:kube-proxy')}",
            f"--hostname-override={NODE}",
            "--proxy-mode=nftables",
            f"--cluster-cidr={state.pods}",
            "--conntrack-max-per-core=0",
        ],
        "coredns": [binary("coredns"), "-conf", str(directory / "Corefile")],
    }


def base_objects(state: State) -> str:
    """Return the storage that a cluster of one node has: four volumes on the node's disk."""
    items: list[object] = [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "standard",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
    ]
    for n in range(4):
        items.append(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": f"disk-{n}"},
                "spec": {
                    "capacity": {"storage": "10Gi"},
                    "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": "standard",
                    "hostPath": {"path": str(Path(state.directory) / "volumes" / str(n))},
                },
            }
        )
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
