"""`python -m local.kubernetes start|stop|status|reset`, for a look at the local Kubernetes by itself."""

import sys

from local import kubernetes
from local.processes import heed_termination
from rayeks.errors import UserError


def main(arguments: list[str]) -> int:
    """Do what the one argument says; 0 if that went well."""
    heed_termination()
    try:
        match arguments:
            case ["start"]:
                cluster = kubernetes.start()
                print(f"{cluster.endpoint}\nexport KUBECONFIG={cluster.kubeconfig}")
            case ["stop"]:
                kubernetes.stop()
            case ["reset"]:
                kubernetes.reset()
            case ["status"]:
                status = kubernetes.status()
                print(status.endpoint or "the API server is not ready")
                for name, pid in status.processes.items():
                    print(f"{name:24} {f'pid {pid}' if pid else 'not running'}")
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
