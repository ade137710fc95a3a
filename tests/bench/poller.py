"""``python poller.py NAMESPACE NAME...``: wait for Deployments as kubernetes.core's ``k8s_info`` does, all at once.

Each is polled by the collection's own waiter, at its default of 5 s, from one client: what the same number of k8s_info
tasks with ``wait: true`` cost at least, since each of those would look up the API's resources for itself as well.
Credentials come by K8S_AUTH_KUBECONFIG. Prints the seconds that it took.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.kubernetes.core.plugins.module_utils.k8s.client import get_api_client
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.waiter import get_waiter

TIMEOUT_SECONDS = 150
SLEEP_SECONDS = 5


def main() -> int:
    """Exit code 1 if one of them did not get ready."""
    namespace, *names = sys.argv[1:]
    began = time.monotonic()
    client = get_api_client()
    waiter = get_waiter(client, client.resource("Deployment", "apps/v1"))

    def ready(name: str) -> bool:
        return bool(waiter.wait(timeout=TIMEOUT_SECONDS, sleep=SLEEP_SECONDS, name=name, namespace=namespace)[0])

    with ThreadPoolExecutor(len(names)) as pool:
        done = list(pool.map(ready, names))
    print(f"{time.monotonic() - began:.1f}")
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
