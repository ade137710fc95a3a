# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup that returns the environment in which kubernetes.core's modules act as this collection's modules do."""

from __future__ import annotations

DOCUMENTATION = r"""
name: client_environment
version_added: 1.0.0
short_description: Environment variables that make kubernetes.core act as the same user, by the same proxy
description:
  - kubectl, Helm and the modules of this collection act as the user that C(as) and C(as-groups) of a kubeconfig name,
    and read C(proxy-url), E(HTTPS_PROXY) and E(NO_PROXY) in the same way. The modules of kubernetes.core ignore the
    former, so that they have more rights than asked, and read the latter differently.
  - Returns one dictionary of C(K8S_AUTH_*) variables for the C(environment) of their tasks. It is empty where nothing
    is special.
  - Fails for what these modules cannot do, such as C(as-uid).
  - The kubeconfig is that of E(K8S_AUTH_KUBECONFIG) or E(KUBECONFIG), unless options or variables name one.
    C(module_defaults) are not seen.
options:
  kubeconfig:
    description: Path of the kubeconfig. The default is the variable C(cluster_kubeconfig).
    type: str
  context:
    description: Context of the kubeconfig. The default is the variable C(cluster_context).
    type: str
author: todo.cloud maintainers (@todo-app)
"""

EXAMPLES = r"""
- name: Read the namespaces
  kubernetes.core.k8s_info:
    kind: Namespace
  environment: "{{ lookup('todo.cloud.client_environment') }}"
"""

RETURN = r"""
_raw:
  description: One dictionary of environment variables.
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.todo.cloud.plugins.module_utils.failure import TodoCloudError
from ansible_collections.todo.cloud.plugins.module_utils.kube.client_environment import client_environment
from ansible_collections.todo.cloud.plugins.module_utils.masking import masked
from ansible_collections.todo.cloud.plugins.module_utils.neutral import printable


class LookupModule(LookupBase):  # type: ignore[misc]  # ansible ships no type information
    """See DOCUMENTATION."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, str]]:
        """The variables, as the only entry."""
        given = {
            name: kwargs.get(name) or self._templar.template((variables or {}).get(f"cluster_{name}"))
            for name in ("kubeconfig", "context")
        }
        try:
            return [client_environment({name: value or None for name, value in given.items()})]
        except TodoCloudError as exc:
            raise AnsibleError(
                printable(masked(exc.failure.message))
            ) from None  # Ansible would show the cause as it is
