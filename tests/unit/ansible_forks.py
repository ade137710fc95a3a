"""Runs of ansible-playbook that start warm: Ansible is imported once, and each run is a fork of this process.

A line of JSON on standard input is a run: its arguments, what is added to the environment, and the file for its output.
The answer is a line with its exit code.

Ansible forks once more for each task and host, so that what is not there before the fork is made again by every one of
them: filters are imported here, and a template is compiled once and kept in the folder that is the only argument.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib
import json
import marshal
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

from ansible import constants
from ansible._internal._templating._jinja_bits import AnsibleEnvironment, _TemplateCompileContext
from ansible.cli.playbook import PlaybookCLI
from ansible.parsing.dataloader import DataLoader
from ansible.plugins import loader

# What every run would import by itself.
for name in ("callback.default", "action.include_vars", "connection.local", "inventory.yaml", "strategy.linear"):
    importlib.import_module(f"ansible.plugins.{name}")
warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")  # by the line after this
loader.init_plugin_loader()
loader.test_loader.get("defined")
with contextlib.suppress(KeyError):  # some runs do without the collection
    loader.filter_loader.get("todo.cloud.boolean")  # a look for one imports all

_compile = AnsibleEnvironment.compile


def _compile_once(environment: Any, source: Any, *options: Any, **more: Any) -> Any:
    """The code of a template: it follows from its text alone, and from whether backslashes are escaped."""
    if options or more or environment.overlayed or not isinstance(source, str):
        return _compile(environment, source, *options, **more)
    context = _TemplateCompileContext.current(optional=True)
    key = f"{context and context.escape_backslashes}\n{source}"
    file = Path(sys.argv[1], hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest())
    with contextlib.suppress(FileNotFoundError):
        return marshal.loads(file.read_bytes())
    code = _compile(environment, source)
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.write_bytes(marshal.dumps(code))
    unfinished.rename(file)
    return code


_load = DataLoader.load_from_file


def _load_once(data_loader: Any, file_name: str, cache: str = "all", **options: Any) -> Any:
    """A play's vars_files are read for every host of every task; here once in a run, as group_vars are."""
    return _load(data_loader, file_name, cache="all" if cache == "vaulted" else cache, **options)


AnsibleEnvironment.compile = _compile_once
DataLoader.load_from_file = _load_once
constants.DEFAULT_INTERNAL_POLL_INTERVAL = 0.01  # it looks whether a task has ended; a tenth as often


def _run(arguments: list[str], environ: dict[str, str], output: str) -> None:
    signal.alarm(1800)
    os.environ.update(environ)
    for stream in (1, 2):
        os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.makedirs(constants.DEFAULT_LOCAL_TMP, exist_ok=True)  # each run removes it at its end
    PlaybookCLI.cli_executor(["ansible-playbook", *arguments])


gc.freeze()  # no collection of a fork copies what is here
for line in sys.stdin:
    if (child := os.fork()) == 0:
        _run(**json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
