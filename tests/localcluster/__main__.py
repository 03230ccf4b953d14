"""``python -m localcluster up|down|status|load``."""

import sys

from localcluster import cluster, images
from localcluster.state import locate


def main() -> int:
    """Do what the command line says."""
    match sys.argv[1:]:
        case ["up"]:
            cluster.up()
        case ["down"]:
            cluster.down()
        case ["status"]:
            return cluster.status()
        case ["load"]:
            cluster.load(locate(), images.build())
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
