#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module login_check: its documentation and its main function."""

from __future__ import annotations

DOCUMENTATION = r"""
module: login_check
short_description: Try the login of a database or broker with a Secret of the environment
version_added: 1.0.0
description:
  - Tries a login at PostgreSQL or Kafka with what a Secret of the environment's namespace holds, and names what is
    wrong with it. It is tried once for each content of the Secret. A success is recorded in the ConfigMap C(logins) of
    the namespace, without anything of the content.
  - A server that does not answer is waited for, since a serverless database starts at the first connection. If it stays
    away, the module fails with C(dependency_down).
options:
  environment:
    description: Name of the environment that the namespace has to belong to.
    type: str
    required: true
  namespace:
    description: The environment's namespace.
    type: str
    required: true
  cluster_id:
    description: The uid of the namespace C(kube-system). Another cluster is refused.
    type: str
  name:
    description: What messages call the login, and its key in the record.
    type: str
    required: true
  kind:
    description: Whose login it is.
    type: str
    choices: [postgresql, kafka]
    required: true
  secret:
    description:
      - Name of the Secret. For PostgreSQL it has a connection string (O(key)). For Kafka it has C(brokers),
        C(username), C(password), C(mechanism) and C(disable_tls), as the role P(todo.cloud.redpanda_secrets#role)
        writes them.
      - Its key C(ca.crt), if there is one, is the certificate of the server's authority as PEM.
    type: str
    required: true
  key:
    description: Key of the connection string of PostgreSQL.
    type: str
    default: url
  tls:
    description: With V(required), a Secret that does not demand TLS is refused.
    type: str
    choices: ["", required]
    default: ""
  topics:
    description: Topics that the user of Kafka has to be allowed to use. They need not exist.
    type: list
    elements: str
    default: []
  groups:
    description: Consumer groups that the user of Kafka has to be allowed to use.
    type: list
    elements: str
    default: []
  login:
    description:
      - V(job) tries it by a Job in the namespace, with the label that opens the network policies to the database or the
        broker. The Job mounts a copy of the credentials, which goes with it.
      - V(here) tries it from the machine that the module runs on, by the Python library psycopg or confluent-kafka.
    type: str
    choices: [job, here]
    default: job
  image:
    description: Image of the Job, with C(psql), or with Java and Kafka's libraries in C(/opt/kafka/libs).
    type: str
  pull_secrets:
    description: Names of pull Secrets of the namespace, for that image.
    type: list
    elements: str
    default: []
  wait:
    description: Seconds for which a server that does not answer is waited for.
    type: int
    default: 60
  hint:
    description: What to do when the Secret is wrong; a sentence at the end of messages.
    type: str
    default: ""
seealso:
  - module: todo.cloud.platform_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
    details: Says whether the login would be tried. The Secret's demand for TLS is checked.
  diff_mode:
    support: none
    details: Only the record of the login is written.
  idempotent:
    support: full
    details: The same content of the Secret is tried once.
"""

EXAMPLES = r"""
- name: Database takes the login
  todo.cloud.login_check:
    environment: staging
    namespace: todo-staging
    name: database
    kind: postgresql
    secret: database
    tls: required
    image: docker.io/library/postgres:17

- name: Managed broker takes the login, from here
  todo.cloud.login_check:
    environment: staging
    namespace: todo-staging
    name: broker
    kind: kafka
    secret: kafka-credentials
    tls: required
    topics: [staging.task-events]
    groups: [notification-service]
    login: here
"""

RETURN = r"""
tried:
  description: Whether it was tried now.
  returned: success, or failure of the login
  type: bool
  sample: true
target:
  description: Where it logs in, C(host:port). Empty without a Secret.
  returned: success, or failure of the login
  type: str
  sample: ep-todo.neon.tech:5432
about:
  description: What the server said of itself. Empty if it was not tried.
  returned: success, or failure of the login
  type: str
  sample: PostgreSQL 17.2, TLSv1.3
line:
  description: All of it in one line.
  returned: success, or failure of the login
  type: str
  sample: "database: PostgreSQL 17.2, TLSv1.3, at ep-todo.neon.tech:5432 (tried by a Job in 3 s)"
seconds:
  description: How long it took.
  returned: success, or failure of the login
  type: float
  sample: 3.2
failure:
  description: What it failed of.
  returned: failure
  type: dict
  contains:
    code:
      description: Code of the failure; docs/failure-codes.md lists all.
      type: str
    message:
      description: One sentence.
      type: str
    details:
      description: Evidence.
      type: dict
  sample: {code: login_denied, message: "database: PostgreSQL at db:5432 does not take user todo: …", details: {}}
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import CLUSTER, ENVIRONMENT, KUBE
from ansible_collections.todo.cloud.plugins.module_utils.kube.session import KubeSession
from ansible_collections.todo.cloud.plugins.module_utils.logins.check import check_login
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error, finish, live_progress

_NAMES: dict[str, t.Any] = {"type": "list", "elements": "str", "default": []}
SPEC: dict[str, t.Any] = {
    **KUBE,
    **ENVIRONMENT,
    **CLUSTER,
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "choices": ["postgresql", "kafka"], "required": True},
    "secret": {"type": "str", "required": True, "no_log": False},
    "key": {"type": "str", "default": "url", "no_log": False},
    "tls": {"type": "str", "choices": ["", "required"], "default": ""},
    "topics": _NAMES,
    "groups": _NAMES,
    "login": {"type": "str", "choices": ["job", "here"], "default": "job"},
    "image": {"type": "str"},
    "pull_secrets": {**_NAMES, "no_log": False},
    "wait": {"type": "int", "default": 60},
    "hint": {"type": "str", "default": ""},
}


def main() -> None:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, required_if=[("login", "job", ("image",))])
    with fail_json_on_error(module), KubeSession.from_params(module.params) as kube:
        report = check_login(kube, module.params, live_progress(), check=module.check_mode)
    finish(module, report)


if __name__ == "__main__":
    main()
