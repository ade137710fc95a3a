# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run in a process of its own, to be killed: ``runner.py KUBECONFIG NAMESPACE HELM apply|back JSON``."""

from __future__ import annotations

import json
import sys

from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession

from tests.integration.releases.world import World


def main() -> None:
    kubeconfig, namespace, helm, what, text = sys.argv[1:]
    with KubeSession.from_params({"kubeconfig": kubeconfig}) as kube:
        world = World(kubeconfig, kube, namespace, helm)
        outcome = world.apply(*json.loads(text)) if what == "apply" else world.back(*json.loads(text))
    print("\n".join(outcome.lines))
    sys.exit(f"{outcome.code}: {outcome.message}" if outcome.code else 0)


if __name__ == "__main__":
    main()
