"""``python -m localcluster up|down|status|load|gateway``: kind where Docker is, else our own."""

import sys
from types import ModuleType

from localcluster import cluster, gateway, kind
from localcluster.state import locate


def provider() -> ModuleType:
    """Return what runs this checkout's cluster; one that is up stays with who brought it up."""
    if cluster.holder(locate()) is None and kind.is_present():
        return kind
    return cluster


def main() -> int:
    """Do what the command line says."""
    chosen = provider()
    match sys.argv[1:]:
        case ["up"]:
            chosen.up()
        case ["down"]:
            chosen.down()
        case ["status"]:
            return int(chosen.status())
        case ["load"]:
            chosen.load()
        case ["gateway"]:
            gateway.install(chosen.gateway_images())
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
