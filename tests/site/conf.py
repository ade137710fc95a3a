# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sphinx's settings. The pages stay as GitHub shows them; what differs on a site is made of them here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes  # type: ignore[import-untyped]

TOP = Path(__file__).resolve().parents[2]
_GALAXY = yaml.safe_load((TOP / "galaxy.yml").read_text())
_FILES = f"{_GALAXY['repository']}/blob/main/"

project = "todo.cloud"
author = "todo.cloud maintainers"
release = version = str(_GALAXY["version"])
extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # examples leave things out by …
html_theme = "furo"
html_favicon = "icon.svg"
html_static_path = html_css_files = ["style.css"]
html_title = f"todo.cloud {version}"
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False


# Of Ansible's own documentation: labels of pages beside those of its collections' plugins.
_ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
_LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "callback_plugins": "plugins/callback.html",
    "common_return_values": "reference_appendices/common_return_values.html",
    "inventory_plugins": "plugins/inventory.html",
}


def _link(match: re.Match[str]) -> str:
    """A link to a file of the repository leads to its page here, if it has one, else to the repository."""
    target, _hash, anchor = match[1].partition("#")
    name = re.sub(r"^schemas/", "docs/schemas/", target).removeprefix(_FILES).removeprefix("../")
    if role := re.fullmatch(r"roles/(\w+)/README\.md", name):
        return f"](collections/{role[1]}_role.rst)"
    if page := re.fullmatch(r"docs/([\w-]+\.md)", name):
        return f"]({page[1]}{_hash}{anchor})"
    return f"]({_FILES}{name}{_hash}{anchor})"


def _as_site(_app: Any, docname: str, source: list[str]) -> None:
    if docname.startswith("collections/"):  # the theme has each page's contents beside it
        text = re.sub(r"^\.\. contents::\n(?:   .*\n)*", "", source[0], flags=re.MULTILINE)
        source[0] = text.replace("\nTodo.Cloud\n==========\n", "\nModules, plugins, roles\n=======================\n")
        return
    text = re.sub(rf"\]\(((?:\.\./|schemas/|{re.escape(_FILES)})[^)\s]+)\)", _link, source[0])
    if docname == "index":
        for title, below in re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL):
            pages = re.findall(r"\]\(([\w-]+)\.md\)", below) + ["collections/index"] * (title == "Reference")
            text += f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(pages) + "\n```\n"
    source[0] = text


def _of_ansible(_app: Any, _env: Any, node: Any, content: Any) -> Any:
    """A reference to a page of Ansible's own documentation, without asking for its list of pages."""
    if node.get("reftype") == "envvar":
        return content  # no page lists these
    label = str(node.get("reftarget"))
    page = _LABELS.get(label)
    if plugin := re.fullmatch(r"ansible_collections\.(\w+)\.(\w+)\.(\w+)", label):
        page = f"collections/{plugin[1]}/{plugin[2]}/{plugin[3]}.html" * (plugin[1] != "todo")
    return nodes.reference("", "", content, internal=False, refuri=_ANSIBLE + page) if page else None


def setup(app: Any) -> None:
    app.connect("missing-reference", _of_ansible)
    app.connect("source-read", _as_site)
