#!/usr/bin/python
# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: kafka_dead_letters
short_description: Show dead letters, and put them back into their topic
version_added: 1.0.0
description:
  - Shows how many messages wait in topics of dead letters (C(<topic>-dead)), and the first of them.
  - With O(replay) the messages of one topic go back into the topic that they came from, once each. O(group) remembers
    what went back; the dead letters themselves stay until the broker's retention takes them.
  - A replay that is killed is repeated by another call, which goes on where it was. What was written last may then
    be written twice, and nothing is lost.
options:
  topics:
    description:
      - Topics of dead letters, by their names at the broker. One that is not there holds nothing.
    type: list
    elements: str
    required: true
  replay:
    description:
      - One of these topics, whose messages go back.
    type: str
  group:
    description:
      - Consumer group that remembers what went back.
    type: str
    required: true
  limit:
    description:
      - Number of messages of each topic that are shown. What they say is shortened, and known secrets are masked.
    type: int
    default: 10
  username:
    description:
      - User at the broker, who may read the dead letters and write the topics. Needed with O(brokers).
    type: str
  broker_namespace:
    description:
      - Namespace of a broker in the cluster, release C(kafka) of charts/kafka.
    type: str
requirements:
  - confluent-kafka (Python library), with O(brokers)
seealso:
  - module: todo.cloud.kafka_topic
author:
  - todo.cloud maintainers (@todo-app)
extends_documentation_fragment:
  - todo.cloud.broker_options
  - kubernetes.core.k8s_auth_options
  - todo.cloud.attributes
attributes:
  check_mode:
    support: full
    details: Nothing goes back. The messages are read all the same, with O(broker_namespace) by a Job that only reads.
  diff_mode:
    support: none
    details: RV(waiting) says what there is.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Show what nobody could process
  todo.cloud.kafka_dead_letters:
    broker_namespace: kafka
    topics: [task-events-dead, reminders-dead]
    group: todo-local.dead-letters
  register: letters

- name: Put reminders back
  todo.cloud.kafka_dead_letters:
    broker_namespace: kafka
    topics: [reminders-dead]
    group: todo-local.dead-letters
    replay: reminders-dead
"""

RETURN = r"""
waiting:
  description: What waits in each topic, before a replay.
  returned: success
  type: list
  elements: dict
  contains:
    topic:
      description: Name of the topic.
      type: str
    waiting:
      description: Number of messages that have not gone back. Offsets that the broker itself uses count, too.
      type: int
    messages:
      description: The first of them, with C(partition), C(offset), C(time), C(key), C(headers) and C(value).
      type: list
      elements: dict
  sample: [{topic: reminders-dead, waiting: 0, messages: []}]
replayed:
  description: Number of messages that went back, or would in check mode.
  returned: success
  type: int
  sample: 0
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.argspec import KUBE
from ansible_collections.todo.cloud.plugins.module_utils.kafka.access import BROKER, BROKER_RULES, letters_of
from ansible_collections.todo.cloud.plugins.module_utils.kafka.letters import dead_letters
from ansible_collections.todo.cloud.plugins.module_utils.module import fail_json_on_error

SPEC: dict[str, t.Any] = {
    **KUBE,
    **BROKER,
    "topics": {"type": "list", "elements": "str", "required": True},
    "replay": {"type": "str"},
    "group": {"type": "str", "required": True},
    "limit": {"type": "int", "default": 10},
}


def main() -> t.NoReturn:
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, **BROKER_RULES)
    with fail_json_on_error(module), letters_of(module.params) as broker:
        result = dead_letters(broker, module.params, write=not module.check_mode)
    module.exit_json(**result)
    raise AssertionError("exit_json returned")


if __name__ == "__main__":
    main()
