# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Says lines and ends with a result, both as they are given: a stand-in for modules that need a cluster."""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.todo.cloud.plugins.module_utils.live_lines import Passing, Retold
from ansible_collections.todo.cloud.plugins.module_utils.module import live_progress


def main() -> None:
    options = {"lines": "list", "result": "dict", "fail": "bool", "unreachable": "str", "stay": "int"}
    options |= {"then": "list", "stay_then": "int"}
    module = AnsibleModule({name: {"type": kind} for name, kind in options.items()}, supports_check_mode=True)
    say = live_progress()
    for line in module.params["lines"] or []:
        if isinstance(line, dict) and "full" in line:
            say(Retold(line["full"], line["of"]))
        elif isinstance(line, dict):  # whose state it is, and the state
            ((of, state),) = line.items()
            say(Passing(f"{of} {state}", of, over=state.startswith("ready")))
        else:
            say(line)
    time.sleep(module.params["stay"] or 0)
    for line in module.params["then"] or []:
        say(line)
    time.sleep(module.params["stay_then"] or 0)
    result = module.params["result"] or {}
    if module.params["fail"]:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
