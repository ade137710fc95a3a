# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Mistakes in charts that Helm names in its own way: what is wrong, in which object, and what to do about it.

Texts of Helm 4.3 and 3.22, and of the API server's server-side apply (sigs.k8s.io/structured-merge-diff, typed).
"""

from __future__ import annotations

import re

from ..failure import Code, Failure
from .manifest import QUOTE_IT

_TYPED = (
    r"failed to create typed patch object \((?:[^/;]*/)?(?P<name>[^;]*); (?P<api>[^,]*), Kind=(?P<kind>\w+)\): "
    r"(?:errors:\s+)?"
    r"(?P<field>[^\s:]+): "
)
# Groups of Kubernetes' own kinds have no dot, or end in .k8s.io.
_CUSTOM = r"(?P<api>(?![^,/]*\.k8s\.io/)[^,/]*\.[^,/]*/[^,]*)"
_KINDLESS = "Object 'Kind' is missing in '"  # and it quotes the object
_READ_BACK = r"metadata\.managedFields must be nil"
READ_BACK = (
    "has metadata.managedFields, as an object has that was read from a cluster. To do: let the template write only "
    "what it means (lookup gives the whole object)"
)
_TABLE = (
    (
        re.compile(r"found in Chart\.yaml, but missing in charts/ directory: (?P<names>[\w., -]+)"),
        "the chart needs other charts that are not in its folder charts/: {names}. To do: helm dependency build, in "
        "the chart's folder",
    ),
    (
        re.compile(r"library charts are not installable"),
        "the chart is a library: it makes no objects of its own, and can only be a dependency of another chart",
    ),
    (
        re.compile(r"chart requires kubeVersion: (?P<wanted>.+?) which is incompatible with Kubernetes (?P<there>\S+)"),
        "the chart is for Kubernetes {wanted}, and this cluster has {there}. To do: take another version of the chart",
    ),
    (
        re.compile(r'(?:Kind=(?P<kind>\w+)|resource (?P<kind2>\w+) "" in namespace).*: resource name may not be empty'),
        "a {kind} of the chart has no metadata.name; Helm needs one (generateName is not enough)",
    ),
    (
        re.compile(rf"unable to decode .*{_KINDLESS}"),
        "the chart makes an object without kind; each begins with apiVersion and kind",
    ),
    (
        re.compile(
            r"failed to convert new object \((?:[^/;]*/)?(?P<name>[^;]*); [^,]*, Kind=(?P<kind>\w+)\).*"
            r"illegal base64 data"
        ),
        "data of {kind} {name} is not base64: text as it is belongs into stringData (ConfigMap: data)",
    ),
    (
        re.compile(
            r"failed to convert new object \((?:[^/;]*/)?(?P<name>[^;]*); [^,]*, Kind=(?P<kind>(?!Secret)\w+)\) to "
            r"proper version: (?:unable to convert unstructured object to [^:]{1,200}: )?(?P<why>.{1,200})"
        ),
        "{kind} {name} has a value of a type that the API server does not take: {why}",
    ),
    (
        re.compile(r"cannot unmarshal (?P<what>\w+) into Go struct field ObjectMeta\.metadata\.name of type string"),
        "metadata.name of an object of the chart is a {what}, not text. To do: " + QUOTE_IT,
    ),
    (
        re.compile(rf"for object (?:[^/\s]*/)?(?P<name>\S+) [^,]*, Kind=(?P<kind>\w+): .*{_READ_BACK}"),
        "{kind} {name} " + READ_BACK,
    ),
    (re.compile(r"invalid chart apiVersion"), "apiVersion in its Chart.yaml is neither v1 nor v2"),
    (
        re.compile(_TYPED.replace("(?P<api>[^,]*)", _CUSTOM) + r"field not declared in schema"),
        "{kind} {name} has a field {field}, which its CustomResourceDefinition in this cluster does not know: a typing "
        "error in the chart, or the definition is older than the chart, since Helm installs those of a chart's folder "
        "crds/ once and never changes them. To do: correct the field, or kubectl apply --server-side -f CHART/crds",
    ),
    (
        re.compile(_TYPED + r"field not declared in schema"),
        "{kind} {name} has a field {field}, which this cluster does not know: a typing error in the chart, or a field "
        "of a newer Kubernetes",
    ),
    (
        re.compile(_TYPED + r"expected numeric"),
        "{field} of {kind} {name} has to be a number (without quotes)",
    ),
    (
        re.compile(_TYPED + r"expected (?P<wanted>\w+), got"),  # what it got may be a Secret's value
        "{field} of {kind} {name} has to be a {wanted} (in a template, text that looks like a number or a boolean "
        "needs quotes: {{{{ .Values.x | quote }}}})",
    ),
    (
        re.compile(_TYPED + r"duplicate entries for key \[(?P<entry>[^\]]*)\]"),
        "{field} of {kind} {name} has two entries with {entry}: keep one of them",
    ),
    (
        re.compile(
            r"YAML parse error on (?P<file>[^\s:]+): .*cannot unmarshal (?P<what>\w+) into Go value of type util"
        ),
        "{file} makes something else ({what}) than objects of Kubernetes; each begins with apiVersion and kind, and "
        "--- stands between them",
    ),
    (
        re.compile(r"unable to load chart archive|^gzip: |does not appear to be a gzipped"),
        "the chart is no whole archive (helm package, or a download that was cut off): make it again",
    ),
    (
        re.compile(r"is not a list: no Items field in this object"),
        "the chart has a list of objects (a kind that ends in List) that Helm cannot read: write its objects one by "
        "one, with --- between them",
    ),
)


def is_read_back(text: str) -> bool:
    """Whether the API server refuses an object since it was read from a cluster as it is."""
    return re.search(_READ_BACK, text) is not None


def mistake_of(release: str, text: str) -> Failure | None:
    """The failure for a mistake in a chart that is known by Helm's text; None for any other text."""
    for pattern, sentence in _TABLE:
        if found := pattern.search(text):
            words = {name: value or "" for name, value in found.groupdict().items()}
            words["kind"] = words.get("kind") or words.get("kind2", "")
            message = f"{release}: {sentence.format(**words)}."
            details = {
                "release": release,
                **({"output": ""} if words["kind"] == "Secret" or _KINDLESS in found[0] else {}),
            }
            return Failure(Code.CHART_INVALID, message, details)
    return None
