"""Action plugin in the place of every module that needs a cluster: writes down what it was called with, and answers.

The file STUB names the file to write to and the hosts that fail or can't be reached, per module or (``*``) with any.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

_READY = {"endpoints": [{"conditions": {"ready": True}}], "webhooks": [{"clientConfig": {"caBundle": "x"}}]}
_ANSWER: dict[str, Any] = {
    "changed": False, "table": [], "notes": [], "preflight": [], "annotations": {}, "fingerprint": {}, "held": False,
    "line": "",
    "resources": [{"metadata": {"name": "x", "uid": "1", "labels": {}}, "status": {"readyReplicas": 1}, **_READY}],
    "result": {"spec": {"containers": [{"name": "app"}, {"name": "daprd"}]}},
    "version": {"server": {"kubernetes": {"gitVersion": "v1.36.0"}}},
}  # fmt: skip


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible ships no type information
    """See the module's docstring."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        settings = json.loads(Path(os.environ["STUB"]).read_text())
        module = self._task.resolved_action or self._task.action
        host = (task_vars or {})["inventory_hostname"]
        call = {"host": host, "module": module, "args": self._task.args, "check": self._task.check_mode}
        with Path(settings["calls"]).open("ab", buffering=0) as calls:  # in one piece: hosts write side by side
            calls.write(json.dumps(call, default=str).encode() + b"\n")
        if host in settings["unreachable"]:
            raise AnsibleConnectionFailure(f"{host} can't be reached")
        if host in settings["fail"]:
            return {"failed": True, "msg": f"{host} fails as the test wants it"}
        answers, kind, name = settings["answers"], self._task.args.get("kind"), self._task.args.get("name")
        keys = (module, f"{module} {kind}", f"{module} {kind} {name}")
        return _ANSWER | {field: value for key in keys for field, value in answers.get(key, {}).items()}
