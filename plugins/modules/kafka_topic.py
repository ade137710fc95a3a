#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kafka_topic
short_description: Keep topics of a Kafka broker as they are wanted
version_added: 1.0.0
description:
  - Creates topics that are missing, adds partitions, and sets configuration that differs. Topics and settings that are
    not named are left alone, and no topic is ever deleted.
  - A managed broker (O(brokers)) is asked from the machine that runs the module, by confluent-kafka. A broker of the
    role P(todo.cloud.kafka#role) (O(broker_namespace)), whose name does not resolve outside of the cluster, is asked by
    its own tools in a short Job beside it.
  - All topics are taken in one call, since each start of Kafka's tools takes a second.
options:
  topics:
    description:
      - The topics.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the topic.
        type: str
        required: true
      partitions:
        description:
          - Number of partitions. A topic gets more of them, and one that has more already is refused by name before
            anything is changed, since Kafka takes none away.
          - More partitions of a topic that is in use change which partition a key goes to.
        type: int
        default: 3
      replication_factor:
        description:
          - Number of replicas, used only when the topic is created. By default the broker decides.
          - An existing topic with another number gets a warning.
        type: int
      config:
        description:
          - Settings of the topic, for example C(retention.ms). Those that differ are set.
        type: dict
        default: {}
  username:
    description:
      - User at the broker, who may describe, create and alter the topics. Needed with O(brokers).
    type: str
  broker_namespace:
    description:
      - Namespace of a broker in the cluster, release C(kafka) of charts/kafka. Its Secret C(kafka-users) has the
        password of the user C(admin).
    type: str
requirements:
  - confluent-kafka (Python library), with O(brokers)
seealso:
  - module: todo.cloud.platform_info
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.broker_options
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
attributes:
  check_mode:
    support: partial
    details:
      - Says what would be done; nothing is written.
      - With O(broker_namespace) no Job is made, so only missing topics and partitions are told, from the names of the
        broker's folders, which needs the right to exec into its pod. Configuration is not compared.
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Keep the topics of staging on a managed broker
  todo.cloud.kafka_topic:
    brokers: seed-todo.example.fmc.prd.cloud.redpanda.com:9092
    username: todo-staging
    broker_password: "{{ vault_broker_password }}"
    topics:
      - {name: todo-stagingtask-events, partitions: 6, replication_factor: 3, config: {retention.ms: 604800000}}
      - {name: todo-stagingreminders}

- name: Keep the topics of a broker in the cluster
  todo.cloud.kafka_topic:
    broker_namespace: kafka
    topics:
      - {name: todo-localtask-events}
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode, one line each.
  returned: success
  type: list
  elements: str
  sample: ["todo-stagingreminders: created with 3 partitions"]
topics:
  description: The topics as they are after that, or would be.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the topic.
      type: str
    partitions:
      description: Number of partitions.
      type: int
    replication_factor:
      description: Number of replicas; 0 where the broker decides or it is not known.
      type: int
    config:
      description: Settings, as far as they are known.
      type: dict
  sample: [{name: todo-stagingreminders, partitions: 3, replication_factor: 3, config: {retention.ms: "604800000"}}]
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE
from ansible_collections.todo.cloud.plugins.module_utils.kafka.access import BROKER, BROKER_RULES, topics_of
from ansible_collections.todo.cloud.plugins.module_utils.kafka.converge import converge
from ansible_collections.todo.cloud.plugins.module_utils.kafka.topics import parsed
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error

SPEC: dict[str, t.Any] = {
    **KUBE,
    **BROKER,
    "topics": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "partitions": {"type": "int", "default": 3},
            "replication_factor": {"type": "int"},
            "config": {"type": "dict", "default": {}},
        },
    },
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, **BROKER_RULES)
    with fail_json_on_error(module):
        wanted = parsed(module.params["topics"])
        with topics_of(module.params, check=module.check_mode) as broker:
            result = converge(broker, wanted, write=not module.check_mode)
    for warning in result.warnings:
        module.warn(warning)
    module.exit_json(**result.as_result())
    raise AssertionError("exit_json returned")


if __name__ == "__main__":
    main()
