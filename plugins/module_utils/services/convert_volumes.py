# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Volumes of a service's pods as values of charts/service. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from .convert_source import Group, Notes, each, part

_SIMPLE = re.compile(r"/[a-z0-9]{1,60}")
_TMP = "/tmp"
_TOKEN = "dapr-kube-api-access"


def writable_name(path: str) -> str:
    """What charts/service calls the volume of a folder that can be written to."""
    if _SIMPLE.fullmatch(path):
        return path.removeprefix("/")
    words = re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-")[:50].removesuffix("-")
    return f"{words}-{hashlib.sha256(path.encode()).hexdigest()[:8]}".removeprefix("-")


def volume_values(group: Group, container: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """``writable``, ``volumes`` and ``statefulSet.claims``."""
    mounts = {str(one.get("name")): one for one in each(container, "volumeMounts")}
    writable: dict[str, Any] = {}
    volumes: dict[str, Any] = {}
    for volume in each(part(group.template, "spec"), "volumes"):
        name = str(volume.get("name"))
        mount = mounts.get(name, {})
        if name == _TOKEN and group.own:
            continue
        if _is_writable(group, volume, mount):
            writable[str(mount["mountPath"])] = str(part(volume, "emptyDir").get("sizeLimit") or "")
        elif source := _source(volume):
            volumes[name] = {**source, **_mount(mount)}
        else:
            kind = next((key for key in volume if key != "name"), "nothing")
            notes.say(f"{group.name}: the volume {name} ({kind}).")
    if group.own and _TMP not in writable:
        writable[_TMP] = None
    found: dict[str, Any] = {"writable": writable} if writable else {}
    claims = {
        str(part(one, "metadata").get("name")): _claim(one, mounts)
        for one in each(part(group.workload, "spec"), "volumeClaimTemplates")
    }
    return found | ({"volumes": volumes} if volumes else {}) | ({"statefulSet": {"claims": claims}} if claims else {})


def _is_writable(group: Group, volume: Mapping[str, Any], mount: Mapping[str, Any]) -> bool:
    """A folder of the service alone; in objects of charts/service by its name."""
    path = mount.get("mountPath")
    if "emptyDir" not in volume or not path or "subPath" in mount or part(volume, "emptyDir").get("medium"):
        return False
    if group.own:
        return volume.get("name") == writable_name(str(path))
    spec = part(group.template, "spec")
    users = [
        one
        for container in (*each(spec, "containers"), *each(spec, "initContainers"))
        for one in each(container, "volumeMounts")
        if one.get("name") == volume.get("name")
    ]
    return len(users) == 1


def _source(volume: Mapping[str, Any]) -> dict[str, Any]:
    if "emptyDir" in volume:
        empty = part(volume, "emptyDir")
        medium = {"medium": empty["medium"]} if empty.get("medium") else {}
        return {"emptyDir": str(empty.get("sizeLimit") or ""), **medium}
    if "persistentVolumeClaim" in volume:
        claim = part(volume, "persistentVolumeClaim")
        return {"claim": claim.get("claimName"), **({"readOnly": True} if claim.get("readOnly") else {})}
    for key, field in (("configMap", "name"), ("secret", "secretName")):
        if key in volume:
            source = part(volume, key)
            found: dict[str, Any] = {key: source.get(field)}
            if "defaultMode" in source:
                found["mode"] = source["defaultMode"]
            if "optional" in source:
                found["optional"] = source["optional"]
            items = {str(one.get("key")): str(one.get("path")) for one in each(source, "items")}
            return {**found, "items": items} if items else found
    return {}


def _mount(mount: Mapping[str, Any]) -> dict[str, Any]:
    names = {"mountPath": "path", "subPath": "subPath", "readOnly": "readOnly"}
    return {ours: mount[theirs] for theirs, ours in names.items() if mount.get(theirs)}


def _claim(template: Mapping[str, Any], mounts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    spec, mount = part(template, "spec"), mounts.get(str(part(template, "metadata").get("name")), {})
    found = {"path": mount.get("mountPath"), "size": str(part(spec, "resources", "requests").get("storage", ""))}
    if spec.get("storageClassName"):
        found["className"] = spec["storageClassName"]
    modes = spec.get("accessModes") or ["ReadWriteOnce"]
    if modes[0] != "ReadWriteOnce":
        found["accessMode"] = modes[0]
    return {**found, **({"subPath": mount["subPath"]} if mount.get("subPath") else {})}
