# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a module of this collection from where it is installed, if it runs on the controller by the same Python.

Ansible packs a module and all that it imports into an archive, which every run makes and compiles anew; for the larger
modules here that takes longer than their work. On the controller the files are there, compiled since their first use.
Everything else is as always: arguments, environment, check mode, what is logged, and what becomes of an exception.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from typing import Any

import ansible_collections
from ansible.module_utils.common.json import Direction, get_module_encoder

_COLLECTION = "todo.cloud."
_NEEDED = ("todo/cloud", "kubernetes/core")
_PROFILE = "legacy"
_CODE = """\
import sys
sys.path[:0] = [path for path in {paths!r} if path not in sys.path]
from ansible.module_utils._internal._ansiballz import _loader
_loader.run_module(json_params={params!r}, profile={profile!r}, module_fqn={module!r}, modlib_path="", extensions={{}})
"""
_KNOWN = {"json_params", "profile", "module_fqn", "modlib_path", "extensions", "init_globals"}


def _built_module() -> Any:
    """Ansible's own class for a module that is ready to be run; None where its ways are not those known here."""
    try:
        from ansible.executor.module_common import _BuiltModule
        from ansible.module_utils._internal._ansiballz import _loader
    except ImportError:
        return None
    return _BuiltModule if set(inspect.signature(_loader.run_module).parameters) == _KNOWN else None


def _paths() -> list[str]:
    """Folders in which Python finds the collections that modules import from."""
    homes = [path for path in ansible_collections.__path__ if any(os.path.isdir(f"{path}/{name}") for name in _NEEDED)]
    return [os.path.dirname(path) for path in homes]


def _same_python(path: Any) -> bool:
    """Whether a path is this Python in this environment, however it is spelled: the folder tells the environment."""
    if not isinstance(path, str) or not os.path.isabs(path):
        return False
    folder, ours = os.path.realpath(os.path.dirname(path)), os.path.realpath(os.path.dirname(sys.executable))
    return folder == ours and os.path.realpath(path) == os.path.realpath(sys.executable)


class LocalModule:
    """A part of an action plugin: how its module gets to the Python that runs it."""

    _task: Any
    _connection: Any
    _templar: Any

    def _configure_module(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> Any:
        built = _built_module() if self._runs_here(module_name, task_vars) else None
        if built is None:
            return super()._configure_module(module_name, module_args, task_vars)  # type: ignore[misc]  # a mix-in
        encoder = get_module_encoder(_PROFILE, Direction.CONTROLLER_TO_MODULE)
        fqn = f"ansible_collections.todo.cloud.plugins.modules.{module_name.removeprefix(_COLLECTION)}"
        code = _CODE.format(
            paths=_paths(),
            params=json.dumps({"ANSIBLE_MODULE_ARGS": module_args}, cls=encoder).encode(),
            profile=_PROFILE,
            module=fqn,
        )
        done = built(
            b_module_data=f"#!{sys.executable}\n{code}".encode(),
            module_style="new",
            shebang=f"#!{sys.executable}",
            serialization_profile=_PROFILE,
        )
        return done, fqn

    def _runs_here(self, module_name: str, task_vars: dict[str, Any]) -> bool:
        """On the controller, by its Python, as its user, and not in the background."""
        python = self._templar.template(task_vars.get("ansible_python_interpreter"))
        return bool(
            module_name.startswith(_COLLECTION)
            and self._connection.transport == "local"
            and self._connection.become is None
            and not self._task.async_val
            and not self._task.delegate_to
            and _same_python(python)
        )
