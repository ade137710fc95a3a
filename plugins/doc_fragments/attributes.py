# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules: check mode, diff mode, idempotence and, except in ``plain``, the action group.

    ``reading`` adds how read-only modules support them.
    """

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what it would do, without changing anything.
  diff_mode:
    description: Returns what it changed, or in check mode would change, when in diff mode.
  idempotent:
    description: When run twice in a row, with nothing else changing, the second run changes nothing.
  action_group:
    description: >-
      Use C(group/todo.cloud.k8s), or another of its groups, in C(module_defaults) to set options of all members.
    support: full
    membership:
      - todo.cloud.k8s
"""

    PLAIN = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what it would do, without changing anything.
  diff_mode:
    description: Returns what it changed, or in check mode would change, when in diff mode.
  idempotent:
    description: When run twice in a row, with nothing else changing, the second run changes nothing.
"""

    READING = r"""
options: {}
attributes:
  check_mode:
    support: full
    details: Runs the same in check mode, since it writes nothing.
  diff_mode:
    support: N/A
    details: Changes nothing.
  idempotent:
    support: full
"""
