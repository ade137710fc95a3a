#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: service_convert
short_description: Say what a team has as entries of services
version_added: 1.0.0
description:
  - Reads a Helm release, a chart, YAML of Kubernetes, or a compose file. Returns the entries of C(services) that say
    the same (docs/services.md), with a list of what they cannot say. Nothing is written.
  - Values of Secrets are never returned. An environment variable that looks like a credential becomes a reference to a
    Secret that has to be made; elsewhere it is masked.
options:
  from:
    description:
      - A file or folder on this machine, or the name of a Helm release in O(namespace).
      - A folder is a chart (it has a Chart.yaml, and is rendered), or has a compose file. Else all its C(*.yaml) and
        C(*.yml) are read.
    type: str
    required: true
  namespace:
    description: Namespace of the release.
    type: str
    default: default
  name:
    description: Name of the release that a chart is rendered for. The name of its folder by default.
    type: str
    default: ""
  values:
    description: Values that a chart is rendered with.
    type: dict
    default: {}
  files:
    description: Values files that it is rendered with, by their paths. O(values) are over them.
    type: list
    elements: path
    default: []
  chart:
    description: Folder of this collection's chart C(service).
    type: path
    required: true
  releases:
    description:
      - What the role P(todo.cloud.app_service#role) makes of the entries. It is rendered and compared with the source.
    type: list
    elements: dict
    default: []
  helm_binary:
    description: The Helm program.
    type: str
    default: helm
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
  - todo.cloud.attributes.reading
"""

EXAMPLES = r"""
- name: Say a compose file as services
  todo.cloud.service_convert:
    from: shop/compose.yaml
    chart: "{{ playbook_dir }}/../charts/service"
  register: converted

- name: Show the entries
  ansible.builtin.debug:
    msg: "{{ converted.text.splitlines() }}"
"""

RETURN = r"""
text:
  description: The file with C(app), C(services) and variables of the environment, as YAML.
  returned: success
  type: str
  sample: "services:\n  web:\n    image: ghcr.io/acme/web:v1\n"
app:
  description: What all services share.
  returned: success
  type: dict
  sample: {name: shop}
services:
  description: The entries by name.
  returned: success
  type: dict
  sample: {web: {image: "ghcr.io/acme/web:v1", port: 3000}}
variables:
  description: Variables of the environment that the entries count on.
  returned: success
  type: dict
  sample: {ingress_class_name: nginx}
unsaid:
  description: What the entries cannot say, and what to look at, a sentence each.
  returned: success
  type: list
  elements: str
  sample: ["ConfigMap flags: no entry says it; keep it in `manifests` of an entry of its own, or in a chart."]
secrets_to_make:
  description: Secrets that the source holds, or that its credentials belong into.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the Secret.
      type: str
    keys_in_it:
      description: Its keys.
      type: list
      elements: str
  sample: [{name: web, keys_in_it: [API_TOKEN]}]
secrets_needed:
  description: Other Secrets that the entries refer to.
  returned: success
  type: list
  elements: str
  sample: [database]
comparison:
  description: Whether each entry renders what its source says; fields by their paths.
  returned: with O(releases), but for a compose file
  type: list
  elements: dict
  contains:
    service:
      description: Name of the service.
      type: str
    same:
      description: Whether all that the source says is said.
      type: bool
    lost:
      description: Fields that only the source has.
      type: list
      elements: str
    differs:
      description: Fields that both have.
      type: list
      elements: str
    added:
      description: Fields that only the entry has, such as the security context.
      type: list
      elements: str
  sample: [{service: web, same: true, lost: [], differs: [], added: ["NetworkPolicy"]}]
"""

import typing as t
from contextlib import ExitStack

from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE
from ansible_collections.todo.cloud.plugins.module_utils.helm.cli import HelmCli
from ansible_collections.todo.cloud.plugins.module_utils.helm.manifest import objects_of
from ansible_collections.todo.cloud.plugins.module_utils.helm.program import ApplyRequest
from ansible_collections.todo.cloud.plugins.module_utils.helm.values import with_files
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, module_of
from ansible_collections.todo.cloud.plugins.module_utils.releases.convert import (
    Wanted,
    convert,
    defaults_of,
    read_source,
)

SPEC: dict[str, t.Any] = {
    **KUBE,
    "from": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": "default"},
    "name": {"type": "str", "default": ""},
    "values": {"type": "dict", "default": {}},
    "files": {"type": "list", "elements": "path", "default": []},
    "chart": {"type": "path", "required": True},
    "releases": {"type": "list", "elements": "dict", "default": []},
    "helm_binary": {"type": "str", "default": "helm"},
}


def main() -> t.NoReturn:
    module = module_of(argument_spec=SPEC, supports_check_mode=True)
    params = module.params
    with fail_json_on_error(module), ExitStack() as stack:
        helm = HelmCli(dict, params["helm_binary"])

        def render(name: str, values: t.Mapping[str, t.Any]) -> list[t.Mapping[str, t.Any]]:
            return list(objects_of(helm.template(ApplyRequest(name, params["namespace"], params["chart"], values))))

        wanted = Wanted(
            params["from"], params["namespace"], params["name"], with_files(params["values"], params["files"])
        )
        source = read_source(wanted, helm, lambda: stack.enter_context(KubeSession.from_params(params)))
        result = convert(source, defaults_of(params["chart"]), render, params["releases"])
        module.exit_json(changed=False, **result)
    raise AssertionError("exit_json returned")


if __name__ == "__main__":
    main()
