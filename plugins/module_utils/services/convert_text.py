# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A conversion as YAML for a team's file, without anything that looks like a credential."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .convert import Conversion
from .types import is_template

MASK = "***"
# Names of Secrets and their keys, not what they hold.
_REFERENCES = ("secrets", "secretEnv", "env_from", "volumes", "imagePullSecrets", "exposure", "public")
_WIDTH = 110


class _Unsafe(str):
    """Text that Ansible must not take for a template."""

    __slots__ = ()


def hidden(conversion: Conversion, is_credential: Callable[[str, str], bool]) -> None:
    """Masks what looks like a credential in commands, arguments and annotations, and says where."""
    for name, entry in conversion.services.items():
        conversion.services[name] = _hidden(entry, "", f"services.{name}", conversion.unsaid, is_credential)


def _hidden(value: Any, key: str, where: str, unsaid: list[str], is_credential: Callable[[str, str], bool]) -> Any:
    if isinstance(value, Mapping):
        return {
            name: one if name in _REFERENCES else _hidden(one, str(name), f"{where}.{name}", unsaid, is_credential)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [_hidden(one, "", f"{where}[{at}]", unsaid, is_credential) for at, one in enumerate(value)]
    if not isinstance(value, str):
        return value
    option, equals, said = value.partition("=")
    if is_credential(key, value) or (equals and is_credential(option.lstrip("-"), said)):
        unsaid.append(f"{where} looks like a credential and is not shown: put it into a Secret.")
        return MASK
    return value


def services_text(conversion: Conversion) -> str:
    """``app``, ``services`` and the environment's variables, as one file of group_vars."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Lists and dictionaries without others in them stand on one line."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    Dumper.add_representer(_Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style='"'))
    parts = {"app": conversion.app, "services": conversion.services, **conversion.variables}
    made = _marked({key: value for key, value in parts.items() if value})
    return str(
        yaml.dump(made, Dumper=Dumper, sort_keys=False, default_flow_style=None, width=_WIDTH, allow_unicode=True)
    )


def _marked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _marked(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_marked(one) for one in value]
    return _Unsafe(value) if is_template(value) else value
