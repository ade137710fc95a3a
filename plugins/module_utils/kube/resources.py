# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""API resources of kinds. Well-known kinds need no discovery request; the session looks up others."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote


@dataclass(frozen=True)
class Resource:
    """One kind of object as the API serves it. ``has_status``: it has a status subresource (or may have one)."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True
    has_status: bool = field(default=True, compare=False)

    @property
    def group(self) -> str:
        """API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def label(self) -> str:
        """The name as in RBAC messages: ``deployments.apps``, ``pods``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Path below the server's address. Without a namespace: all namespaces (or a cluster-scoped kind)."""
        parts = ["api" if "/" not in self.api_version else "apis", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        if name:
            parts.append(quote(name, safe=""))
        if subresource:
            parts.append(subresource)
        return "/" + "/".join(parts)


POD = Resource("v1", "Pod", "pods")
EVENT = Resource("v1", "Event", "events")
SECRET = Resource("v1", "Secret", "secrets")
CONFIG_MAP = Resource("v1", "ConfigMap", "configmaps")
SERVICE = Resource("v1", "Service", "services")
SERVICE_ACCOUNT = Resource("v1", "ServiceAccount", "serviceaccounts")
NAMESPACE = Resource("v1", "Namespace", "namespaces", namespaced=False)
NODE = Resource("v1", "Node", "nodes", namespaced=False)
REPLICATION_CONTROLLER = Resource("v1", "ReplicationController", "replicationcontrollers")
PVC = Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
RESOURCE_QUOTA = Resource("v1", "ResourceQuota", "resourcequotas")
DEPLOYMENT = Resource("apps/v1", "Deployment", "deployments")
REPLICA_SET = Resource("apps/v1", "ReplicaSet", "replicasets")
STATEFUL_SET = Resource("apps/v1", "StatefulSet", "statefulsets")
DAEMON_SET = Resource("apps/v1", "DaemonSet", "daemonsets")
JOB = Resource("batch/v1", "Job", "jobs")
CRON_JOB = Resource("batch/v1", "CronJob", "cronjobs")
LEASE = Resource("coordination.k8s.io/v1", "Lease", "leases")
SELF_SUBJECT_REVIEW = Resource("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False)
ENDPOINT_SLICE = Resource("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
INGRESS = Resource("networking.k8s.io/v1", "Ingress", "ingresses")
INGRESS_CLASS = Resource("networking.k8s.io/v1", "IngressClass", "ingressclasses", namespaced=False)
STORAGE_CLASS = Resource("storage.k8s.io/v1", "StorageClass", "storageclasses", namespaced=False)
CRD = Resource("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)
API_SERVICE = Resource("apiregistration.k8s.io/v1", "APIService", "apiservices", namespaced=False)

WELL_KNOWN: dict[tuple[str, str], Resource] = {
    (resource.api_version, resource.kind): resource
    for resource in (
        POD, EVENT, SECRET, CONFIG_MAP, SERVICE, SERVICE_ACCOUNT, NAMESPACE, NODE, REPLICATION_CONTROLLER, PVC,
        RESOURCE_QUOTA, DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET, JOB, CRON_JOB, LEASE, INGRESS, INGRESS_CLASS,
        STORAGE_CLASS, CRD, API_SERVICE,
        Resource("v1", "LimitRange", "limitranges"),
        Resource("v1", "PersistentVolume", "persistentvolumes", namespaced=False),
        Resource("apps/v1", "ControllerRevision", "controllerrevisions"),
        Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
        Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
        Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
        Resource("rbac.authorization.k8s.io/v1", "Role", "roles"),
        Resource("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
        Resource("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False),
        Resource("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
        Resource("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration",
                 "mutatingwebhookconfigurations", namespaced=False),
        Resource("dapr.io/v1alpha1", "Component", "components"),
        Resource("dapr.io/v1alpha1", "Configuration", "configurations"),
    )
}  # fmt: skip
