# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Promotion in two steps: checked before the deployment; after it, verified and tagged with the version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from ..failure import Code, TodoCloudError, error
from ..kube.api import KubeApi
from ..kube.session import KubeSession
from ..planning.image_digests import ImageDigests
from ..planning.promotion import Promoted, Terms, check_charts, choose, named_alike, promote_images, promoted_waves
from ..planning.snapshot import Snapshot, image_digest, take
from ..planning.spec import parse_waves
from ..records.record import Member, Record
from ..records.signing import RecordKeys
from ..records.store import RecordStore
from ..registry.tagging import tag_image

_OTHER_AUTH = ("host", "api_key", "username", "password", "client_cert", "client_key", "ca_cert", "impersonate_user")


def check_promotion(kube: KubeApi, params: Mapping[str, Any]) -> dict[str, Any]:
    """The set that may be promoted, and the waves with its digests. Writes nothing. Raises promotion_refused."""
    source = params["source"]
    terms = Terms(
        source["environment"],
        commit=params["commit"] or "",
        expect_commit=params["expect_commit"] or "",
        min_age=params["min_age"],
        max_age=params["max_age"],
        may_differ=params["may_differ"],
    )
    waves = params["waves"]
    specs = [spec for wave in parse_waves(waves, params["namespace"]) for spec in wave if not spec.migration]
    with ExitStack() as stack:
        elsewhere = bool(source["kubeconfig"] or source["context"])
        there = stack.enter_context(session_of_source(params, source)) if elsewhere else kube
        warnings: list[str] = []
        keys = RecordKeys.parse(None, source.get("record_public_keys") or ())
        store = RecordStore(there, source["namespace"], source["environment"], keys)
        record = choose(store, terms, damaged=warnings.append)
    check_charts(record, specs, terms)
    digests = ImageDigests(kube, params["namespace"], params["registries"])
    images = promote_images(record, specs, digests.client, terms.source)
    return {
        "set": {"id": record.id, "commit": record.commit, "time": record.time},
        "replaces": replaced_by(newest_of(kube, params), images),
        "waves": promoted_waves(waves, images),
        "images": [each.as_result() for each in images],
        "warnings": warnings,
    }


def newest_of(kube: KubeApi, params: Mapping[str, Any]) -> Record | None:
    """The target's newest verified set."""
    keys = RecordKeys.parse(params.get("record_key"), params.get("record_public_keys") or ())
    return next(RecordStore(kube, params["namespace"], params.get("environment") or "", keys).readable(), None)


def replaced_by(newest: Record | None, images: Sequence[Promoted]) -> dict[str, Any]:
    """What that set runs, and which releases would run another image; for people."""
    if newest is None:
        return {"id": 0, "commit": "", "changed": [each.name for each in images]}
    changed = [each.name for each in images if not _ran(newest.members.get(each.name), each)]
    return {"id": newest.id, "commit": newest.commit, "changed": changed}


def _ran(member: Member | None, promoted: Promoted) -> bool:
    return member is not None and any(each["digest"] in promoted.accepted for each in member.images.values())


def session_of_source(params: Mapping[str, Any], source: Mapping[str, Any]) -> KubeSession:
    """With the user of the source's kubeconfig, not the target's user."""
    kept = {key: value for key, value in params.items() if key not in _OTHER_AUTH}
    kubeconfig = source["kubeconfig"] or params.get("kubeconfig")
    return KubeSession.from_params({**kept, "kubeconfig": kubeconfig, "context": source["context"]})


def verify_promotion(kube: KubeApi, params: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """Checks that the pods run the promoted digests, then tags them where the credentials may push.

    Raises promotion_unproved when a pod runs another digest.
    """
    images = [Promoted.parse(raw) for raw in params["images"]]
    namespace, environment = params["namespace"], params["environment"]
    keys = RecordKeys.parse(params.get("record_key"), params.get("record_public_keys") or ())
    snapshot = take(kube, RecordStore(kube, namespace, environment, keys), namespace, environment)
    wrong = [mismatch for each in images for mismatch in _mismatches(each, snapshot)]
    if wrong:
        raise error(
            Code.PROMOTION_UNPROVED,
            f"{environment} does not run what was promoted: {'; '.join(wrong)}.",
            releases=wrong,
        )
    tags, warnings = _tagged(images, ImageDigests(kube, namespace, params["registries"]), check)
    changed = any(tag["state"] == "added" for tag in tags)
    verified = [str(each.image) for each in images]
    # "proved" is the deprecated name of "verified"
    return {"changed": changed, "verified": verified, "proved": verified, "tags": tags, "warnings": warnings}


def _mismatches(promoted: Promoted, snapshot: Snapshot) -> list[str]:
    """Pods of one release that run another digest, or that it has no such pods."""
    member = snapshot.newest.members.get(promoted.name) if snapshot.newest else None
    history = snapshot.history(promoted.name)
    if member is None or not history or not member.is_at(history[-1]):
        return [f"{promoted.name} is not verified"]
    found, seen = [], 0
    for target in member.targets:
        workload = None if target.custom else snapshot.workloads.get((target.kind, target.name))
        for pod in snapshot.living_pods_of(workload) if workload else ():
            for digest in _digests(pod, promoted.image.name):
                seen += 1
                if digest not in promoted.accepted:
                    found.append(f"{pod['metadata']['name']} runs {digest or 'an unknown digest'}")
    return found if seen else [f"no pod of {promoted.name} runs {promoted.image.name}"]


def _digests(pod: Mapping[str, Any], name: str) -> list[str]:
    """Digests of the containers whose image has this name; a container that was never started has none."""
    spec, statuses = pod["spec"], (pod.get("status") or {}).get("containerStatuses") or ()
    ids = {status["name"]: status.get("imageID", "") for status in statuses}
    named = [c["name"] for c in spec["containers"] if named_alike(c.get("image", ""), name)]
    return [image_digest(ids[each]) for each in named if ids.get(each)]


def _tagged(images: Sequence[Promoted], digests: ImageDigests, check: bool) -> tuple[list[dict[str, str]], list[str]]:
    tags: list[dict[str, str]] = []
    denied: list[str] = []
    why = ""
    for each in images:
        client = digests.client(each.image)
        state = "there"
        if not each.image.tag:
            continue
        try:
            if client is not None and not tag_image(client, each.image, each.image.tag, check=check)[1]:
                state = "added"
        except TodoCloudError as exc:
            if exc.failure.code is not Code.REGISTRY_DENIED:
                raise
            state, why = "denied", why or exc.failure.message
            denied.append(f"{each.image.name}:{each.image.tag}")
        tags.append({"image": str(each.image), "state": state if client is not None else "not_asked"})
    return tags, [f"Deployed and verified, but not tagged: {', '.join(denied)}. {why}"] if denied else []
