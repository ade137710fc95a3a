# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that stands in the way of a deployment, in one list, before its first write.

Asked about are the rendered objects of the releases that change: a run with nothing to do asks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from typing import Any, TypeVar

from ..failure import Code
from ..helm.errors import HelmError
from ..helm.manifest import key_of, objects_of
from ..helm.program import Rendered
from ..kube.api import KubeApi
from ..kube.errors import Forbidden
from ..kube.resources import NAMESPACE, NODE, POD, RESOURCE_QUOTA, WELL_KNOWN, Resource
from ..live_lines import Passing
from ..parsing import quoted
from ..readiness.templates import Object, Template, built_in, mapping, template_of
from ..registry.reference import Reference
from .capacity import Wanted, maxima, more_pods, shortages
from .component_types import unknown_types
from .dry_run import DryRuns, is_port_taken, no_right, without_sidecar
from .hook_order import too_early
from .hosts import hosts
from .metrics import metrics_api
from .needs import Need, Provided, images_of, kinds_of, label_of, needs_of, needs_of_component, provided
from .platforms import Platforms, mismatches
from .problem import Problem, words_of
from .quota import quota_shortages
from .rights import lacking
from .routes import routes
from .shapes import is_named, misshapen, repeated
from .state_stores import state_stores
from .surroundings import classes, missing, node_ports
from .users import images_that_say, unfit_users
from .versions import dapr_of_pods, misplaced

_SIDE_BY_SIDE = 8
_MANY_NODES = 50  # the pods of a bigger cluster are not listed: whether there is room is its autoscaler's business
_FINAL = (Code.CHART_INVALID, Code.REGISTRY_DENIED)
_NO_KIND = "no matches for kind"
_T = TypeVar("_T")


class Preflight:
    """One look at what is about to be deployed to a namespace.

    ``absent``: says which of some images are known not to be in their registries; ``platforms``: what they are built
    for, ``users``: as whom they run, as far as their registries can be asked. ``prepared``: names of Secrets that the
    caller writes before. ``name``: of the environment, for what belongs to no release.
    """

    def __init__(
        self,
        kube: KubeApi,
        namespace: str,
        absent: Callable[[Iterable[str]], Sequence[str]],
        prepared: Iterable[str] = (),
        platforms: Callable[[Iterable[str]], Platforms] = lambda images: {},
        users: Callable[[Iterable[str]], Mapping[str, str]] = lambda images: {},
        dapr_namespace: str = "dapr-system",
        name: str = "",
        progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._absent = absent
        self._prepared = frozenset(prepared)
        self._platforms = platforms
        self._users = users
        self._dapr = dapr_namespace
        self._name = name or namespace
        self._progress = progress

    def problems(self, rendered: Mapping[str, Rendered | HelmError], crds: Iterable[str] = ()) -> list[Problem]:
        """Sorted by release. ``rendered``: by release, with the hooks that run, or what Helm said; ``crds``: what Helm
        creates before all of it. Raises unreachable, unauthorized.
        """
        found: list[Problem] = []
        objects: dict[str, list[dict[str, Any]]] = {}
        for release, each in rendered.items():
            if isinstance(each, HelmError):
                found.append(_unrendered(release, each))
            else:
                objects[release] = objects_of(each.manifest)
                found += left_out(release, each)
                found += repeated(release, (each.manifest, *each.hooks))
        if not objects:
            return sorted(found)
        texts = {release: each.hooks for release, each in rendered.items() if isinstance(each, Rendered)}
        hooks = {release: [item for text in each for item in objects_of(text)] for release, each in texts.items()}
        everything = {release: [*listed, *hooks[release]] for release, listed in objects.items()}
        # Of custom kinds too; what becomes of those is their operators' business.
        templates = {
            release: [t for item in listed if (t := template_of(item, self._namespace)) and t.spec]
            for release, listed in everything.items()
        }
        found += [problem for release, listed in everything.items() for problem in misshapen(release, listed)]
        named = [(release, item) for release, item in _pairs(everything) if is_named(item)]
        tried_pods = [(release, t) for release, item in named if (t := built_in(item, self._namespace))]
        found += _invalid_images(tried_pods)
        found += self._images(templates)
        nodes = self._nodes()
        found += self._mismatches(templates, nodes)
        pods_of_all = [template for _release, template in _pairs(templates)]
        found += unknown_types(self._kube, self._namespace, self._dapr, objects, pods_of_all)
        found += [problem for pair in _pairs(objects) for problem in misplaced(*pair)]
        if not self._is_there():
            return sorted(found)
        before = [item for text in crds for item in objects_of(text)]
        brought = provided(
            chain(before, *objects.values(), *hooks.values()), self._namespace, hooks=any(hooks.values())
        )
        self._progress(Passing("the objects are tried by the API server (dry run)", of=""))
        earlier = kinds_of(before)
        beside = {release: kinds_of(listed) - earlier for release, listed in objects.items()}
        runs = DryRuns(self._kube, self._namespace, brought, self._name, beside)
        tried = _parallel(lambda pair: runs.problems(*pair), _pairs(objects))
        rights = lacking(self._kube, self._name, self._namespace, objects, texts)
        found += tried + [each.problem for each in rights if no_right(*each[:3]) not in tried]
        pods = _parallel(lambda pair: [(*pair, *runs.pod(*pair))], tried_pods)
        found += [problem for *_ignored, problems, _pod in pods for problem in problems]
        made = [(release, t, pod) for release, t, _problems, pod in pods if pod]
        found += state_stores(self._kube, self._namespace, objects)
        found += [problem for each in made for problem in (*without_sidecar(*each), *dapr_of_pods(*each))]
        found += self._unfit_users(made)
        known = {(release, template.owner) for release, template in tried_pods}
        found += _parallel(lambda pair: self._missing(pair[0], pair[1], known, brought), list(templates.items()))
        found += too_early(self._kube, self._namespace, before, objects, hooks, self._unprepared)
        found += _parallel(lambda pair: self._of_component(pair[0], pair[1], brought), _pairs(objects))
        found += _parallel(lambda pair: list(classes(self._kube, *pair)), list(objects.items()))
        found += hosts(self._kube, self._namespace, objects)
        found += metrics_api(self._kube, objects)
        found += routes(self._kube, self._namespace, objects, brought)
        ports = list(node_ports(self._kube, self._namespace, objects))
        told = {problem.release for problem in ports}
        found = [p for p in found if p.release not in told or not is_port_taken(p)] + ports
        found += self._room(made, objects, nodes)
        return sorted(set(found))

    def _images(self, templates: Mapping[str, Sequence[Template]]) -> list[Problem]:
        """Images that the registries which may be asked do not have."""
        named = {(release, image) for release, t in _pairs(templates) for image in images_of(t)}
        absent = set(self._absent({image for _release, image in named}))
        remedy = "push it, or name another tag"
        return [
            Problem(release, Code.IMAGE_NOT_FOUND, f"image {image} is not in its registry", remedy)
            for release, image in sorted(named)
            if image in absent
        ]

    def _mismatches(self, templates: Mapping[str, Sequence[Template]], nodes: Sequence[Object]) -> list[Problem]:
        """Images that were not built for the nodes."""
        pairs = _pairs(templates) if nodes else []
        platforms = self._platforms({image for _release, template in pairs for image in images_of(template)})
        return list(mismatches(pairs, nodes, platforms))

    def _unfit_users(self, pods: Sequence[tuple[str, Template, Object]]) -> list[Problem]:
        images = {image for _release, template, pod in pods for image in images_that_say(template, pod)}
        users = self._users(images) if images else {}
        return [problem for each in pods for problem in unfit_users(*each, users)]

    def _nodes(self) -> list[dict[str, Any]]:
        """None where they may not be read: a credential of one namespace deploys all the same."""
        return self._listed(NODE)

    def _is_there(self) -> bool:
        """Before the first deployment the namespace may not be there (check mode): nothing can be asked in it."""
        try:
            return self._kube.find(NAMESPACE, "", self._namespace, metadata_only=True) is not None
        except Forbidden:
            return True

    def _missing(
        self, release: str, templates: Sequence[Template], known: Set[tuple[str, str]], brought: Provided
    ) -> list[Problem]:
        """``known``: releases and owners whose pods Kubernetes itself makes; operators may make what theirs need."""
        found: list[Problem] = []
        for template in templates:
            certain = (release, template.owner) in known
            needs = [replace(need, certain=need.certain and certain) for need in self._unprepared(needs_of(template))]
            found += missing(self._kube, release, needs, template.namespace, brought)
        return found

    def _of_component(self, release: str, item: Object, brought: Provided) -> list[Problem]:
        namespace = key_of(item)[1] or self._namespace
        return list(missing(self._kube, release, self._unprepared(needs_of_component(item)), namespace, brought))

    def _unprepared(self, needs: Iterable[Need]) -> list[Need]:
        return [need for need in needs if not (need.kind == "Secret" and need.name in self._prepared)]

    def _room(
        self,
        pods: Sequence[tuple[str, Template, Object]],
        objects: Mapping[str, Sequence[Object]],
        nodes: Sequence[Object],
    ) -> list[Problem]:
        """On the nodes and in the quota: for the pods that run beside the old ones, or for all of a new workload; and
        for autoscalers' maxima. Pods of hooks are gone by then.
        """
        quotas = self._listed(RESOURCE_QUOTA, self._namespace) if pods else []
        if not pods or not (nodes or quotas):
            return []
        workloads = {(release, label_of(item)): item for release, item in _pairs(objects)}
        pods = [pair for pair in pods if (pair[0], pair[1].owner) in workloads]
        most = maxima(item for _release, item in _pairs(objects))

        def one(pair: tuple[str, Template, Object]) -> list[Wanted]:
            release, template, pod = pair
            workload = workloads[release, template.owner]
            kind, own, name = key_of(workload)
            resource = WELL_KNOWN.get((str(workload.get("apiVersion")), kind))
            live = self._kube.find(resource, own or self._namespace, name) if resource else None
            counts = more_pods(workload, live, most.get((kind, name), 0))
            return [Wanted(release, template.owner, pod, *counts, fresh=live is None)]

        wanted = _parallel(one, pods)
        here = [
            each for each, (_r, template, _p) in zip(wanted, pods, strict=True) if template.namespace == self._namespace
        ]
        return [*self._on_nodes(wanted, nodes), *self._in_quotas(here, quotas)]

    def _on_nodes(self, wanted: Sequence[Wanted], nodes: Sequence[Object]) -> list[Problem]:
        try:
            running = self._kube.list_(POD)[0] if nodes and len(nodes) <= _MANY_NODES else []
        except Forbidden:
            return []
        return shortages(wanted, nodes, running)

    def _in_quotas(self, wanted: Sequence[Wanted], quotas: Sequence[Object]) -> list[Problem]:
        if not quotas:
            return []
        pods = self._listed(POD, self._namespace)
        settled = not any(mapping(pod.get("metadata")).get("deletionTimestamp") for pod in pods)
        return list(quota_shortages(wanted, quotas, settled=settled))

    def _listed(self, resource: Resource, namespace: str = "") -> list[dict[str, Any]]:
        """None where they may not be read."""
        try:
            return self._kube.list_(resource, namespace)[0]
        except Forbidden:
            return []


def _invalid_images(pods: Sequence[tuple[str, Template]]) -> list[Problem]:
    """Names of images that no kubelet takes."""
    found = []
    for release, image in sorted({(release, image) for release, t in pods for image in images_of(t)}):
        try:
            Reference.parse(image)
        except ValueError as exc:
            found.append(Problem(release, Code.IMAGE_INVALID, f"image {exc}", "correct the name of the image"))
    return found


def _unrendered(release: str, exc: HelmError) -> Problem:
    message, remedy = words_of(exc.failure, release)
    if _NO_KIND in message:  # the chart's own folder crds may bring it along
        return Problem(release, Code.NOT_FOUND, message, "install the CRDs that define it", certain=False)
    certain = exc.failure.code in _FINAL
    return Problem(release, exc.failure.code, message, remedy or "mend the chart, or what it is given", certain)


def left_out(release: str, rendered: Rendered) -> list[Problem]:
    """Objects of a chart that Helm leaves out without a word, by what they say in helm.sh/hook. Charts that Helm 2 can
    deploy too have some on purpose (crd-install), beside their folder crds.
    """
    if not rendered.skipped:
        return []
    hooks = ", ".join(map(quoted, dict.fromkeys(rendered.skipped)))
    message = f"its chart has objects with helm.sh/hook {hooks}, which Helm does not know: it leaves them out"
    remedy = "correct or remove it in the chart's templates, unless it is meant (crd-install, for Helm 2)"
    return [Problem(release, Code.CHART_INVALID, message, remedy, certain=False)]


def _pairs(by_release: Mapping[str, Sequence[_T]]) -> list[tuple[str, _T]]:
    return [(release, each) for release, listed in by_release.items() for each in listed]


def _parallel(ask: Callable[[Any], Sequence[_T]], things: Sequence[Any]) -> list[_T]:
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        return [found for answer in pool.map(ask, things) for found in answer]
