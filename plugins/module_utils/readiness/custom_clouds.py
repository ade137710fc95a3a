# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for custom resources: clusters, clouds and networks. See custom_resources.py."""

from __future__ import annotations

from collections.abc import Mapping

from .phrases import NO_STATUS, READY, all_true, has, word
from .rule import Rule

# Gloo writes numbers or names, at the top or once per namespace of its controllers.
GLOO_STATUSES = "[values(not_null(status.statuses, `{}`)), [status]][]"

CLOUDS: Mapping[str, Rule] = {
    "*.cnrm.cloud.google.com/*": Rule(
        failed="status.conditions[?reason=='UpdateFailed' || reason=='DependencyNotFound' || reason=='DependencyInvalid']",
        suspended="status.conditions[?reason=='DependencyNotReady']", ready=READY,
        progressing=has("Ready", "False"), message="status.conditions[?type=='Ready'].message | [0]",
        source="https://cloud.google.com/config-connector/docs/how-to/monitoring-your-resources (reasons)",
    ),
    "core.cnrm.cloud.google.com/*": Rule(
        ready="status.healthy", failed="status.healthy==`false`", message="status.errors[0]",
        source="https://cloud.google.com/config-connector/docs/reference/overview (healthy)",
    ),
    "*.upbound.io/*": Rule(
        failed="status.conditions[?(type=='Synced' || type=='LastAsyncOperation') && status=='False' && reason!='ReconcilePaused']",
        suspended="metadata.annotations.\"crossplane.io/paused\"=='true' || status.conditions[?reason=='ReconcilePaused']",
        progressing=has("Ready", "False"), ready=READY,
        message="status.conditions[?status=='False'].message | [0]",
        source="https://docs.crossplane.io/latest/managed-resources/managed-resources/#conditions (Ready, Synced, LastAsyncOperation)",
    ),
    **{
        f"*.upbound.io/{kind}": Rule(no_status=True, source="https://docs.upbound.io: it reports its users only")
        for kind in ("ProviderConfig", "ClusterProviderConfig", "ProviderConfigUsage")
    },
    "operators.coreos.com/Subscription": Rule(
        failed="status.state=='UpgradeFailed' || status.conditions[?status=='True' && (type=='CatalogSourcesUnhealthy'"
        " || type=='InstallPlanFailed' || type=='ResolutionFailed')]"
        " || status.conditions[?type=='InstallPlanMissing' && status=='True' && reason!='ReferencedInstallPlanNotFound']",
        ready="spec.installPlanApproval=='Manual' && status.installedCSV && status.conditions[?reason=='RequiresApproval']"
        f" || status.state=='AtLatestKnown' && !({has('InstallPlanPending')})",
        message="not_null(status.conditions[?status=='True'].message | [0], status.state)",
        source="https://olm.operatorframework.io/docs/concepts/crds/subscription/ (state, conditions)",
    ),
    "projectcontour.io/HTTPProxy": Rule(
        failed=f"!(spec.includes) && {has('Valid', 'False')}",
        # What it includes may be another team's, and not there yet; its own routes work all the same.
        ready=f"{has('Valid')} || spec.includes && {has('Valid', 'False')}", message="status.description",
        source="https://projectcontour.io/docs/main/config/fundamentals/#status-reporting",
    ),
    "proclaim.dogmatiq.io/DNSSDServiceInstance": Rule(
        failed=f"{has('Adopted', 'False')} || status.conditions[?reason=='AdvertiseError' || reason=='UnadvertiseError']",
        ready=has("Discoverable"), source="https://github.com/dogmatiq/proclaim (Adopted, Advertised, Discoverable)",
    ),
    "cluster.x-k8s.io/MachineHealthCheck": Rule(
        ready="status.currentHealthy >= status.expectedMachines", failed="status.currentHealthy < status.expectedMachines",
        source="https://cluster-api.sigs.k8s.io/tasks/automated-machine-management/healthchecking",
    ),
    "core.gardener.cloud/Shoot": Rule(
        failed=word("status.lastOperation.state", "Failed", "Error", "Aborted"),
        progressing="status.conditions[?status!='True']",
        ready="status.lastOperation.state=='Succeeded' && status.conditions && !(status.conditions[?status!='True'])",
        message="status.lastOperation.description",
        source="https://gardener.cloud/docs/gardener/shoot/shoot_status/",
    ),
    "*.services.k8s.aws/*": Rule(
        ready=has("ACK.ResourceSynced"), failed=has("ACK.Terminal"),
        message="status.conditions[?type=='ACK.Terminal' || type=='ACK.ResourceSynced'].message | [0]",
        source="https://aws-controllers-k8s.github.io/docs/concepts/ack-conditions",
    ),
    "pkg.crossplane.io/*": Rule(
        ready=f"{all_true('Installed', 'Healthy')} || {has('RevisionHealthy')}",
        failed=f"{has('Healthy', 'False')} || {has('RevisionHealthy', 'False')}",
        message="status.conditions[?status!='True'].message | [0]",
        source="https://docs.crossplane.io/latest/packages/providers/#provider-conditions",
    ),
    "apiextensions.crossplane.io/Composition": Rule(no_status=True, source="https://docs.crossplane.io/latest/composition/"),
    "*.crossplane.io/*": Rule(
        failed="status.conditions[?(type=='Synced' || type=='LastAsyncOperation') && status=='False' && reason!='ReconcilePaused']",
        suspended="metadata.annotations.\"crossplane.io/paused\"=='true' || status.conditions[?reason=='ReconcilePaused']",
        source="https://docs.crossplane.io/latest/managed-resources/managed-resources/#conditions (Ready, Synced)",
    ),
    "karpenter.sh/NodeClaim": Rule(
        suspended=has("Disrupting"), ready=READY, failed=has("Ready", "False"),
        message="status.conditions[?type=='Ready'].message | [0]",
        source="https://karpenter.sh/docs/concepts/nodeclaims/",
    ),
    "karpenter.sh/NodePool": Rule(failed=has("Ready", "False"), ready=READY, source="https://karpenter.sh/docs/concepts/nodepools/"),
    "karpenter.k8s.aws/EC2NodeClass": Rule(
        failed=has("Ready", "False"), ready=READY, source="https://karpenter.sh/docs/concepts/nodeclasses/",
    ),
    "route.openshift.io/Route": Rule(
        failed="status.ingress[].conditions[] | [?type=='Admitted' && status=='False']",
        ready="status.ingress && !(status.ingress[?!(conditions[?type=='Admitted' && status=='True'])])",
        source="https://docs.openshift.com (route.openshift.io/v1, RouteIngressCondition)",
    ),
    "networking.gke.io/ManagedCertificate": Rule(
        ready="status.certificateStatus=='Active'",
        failed="status.domainStatus[?contains(not_null(status, ''), 'Failed')] || contains(not_null(status.certificateStatus, ''), 'Failed')",
        message="status.domainStatus[?status!='Active'].join(' ', [domain, status]) | [0]",
        source="https://cloud.google.com/kubernetes-engine/docs/how-to/managed-certs",
    ),
    "nmstate.io/NodeNetworkConfigurationPolicy": Rule(
        suspended=has("Ignored"), source="https://nmstate.io/kubernetes-nmstate/user-guide/102-configuration",
    ),
    **{
        f"{group}.solo.io/*": Rule(
            failed=f"{GLOO_STATUSES}.state | [?@=='Rejected' || @=='Warning' || @==`2` || @==`3`]",
            suspended=f"{GLOO_STATUSES}.state | [?@=='Pending' || @==`0`]",
            ready=f"{GLOO_STATUSES}.state | [?@=='Accepted' || @==`1`]",
            message=f"{GLOO_STATUSES}.reason | [0]",
            source="https://docs.solo.io/gloo-edge/latest/operations/debugging_gloo/ (Pending, Accepted, Rejected, Warning)",
        )
        for group in ("gateway", "gloo")
    },
    "networking.istio.io/*": Rule(no_status=True, source=f"https://istio.io: {NO_STATUS}"),
    "security.istio.io/*": Rule(no_status=True, source=f"https://istio.io: {NO_STATUS}"),
    "telemetry.istio.io/*": Rule(no_status=True, source=f"https://istio.io: {NO_STATUS}"),
    "extensions.istio.io/*": Rule(no_status=True, source=f"https://istio.io: {NO_STATUS}"),
    "traefik.io/*": Rule(no_status=True, source="https://doc.traefik.io: no status"),
    "traefik.containo.us/*": Rule(no_status=True, source="https://doc.traefik.io: no status"),
    "crd.projectcalico.org/*": Rule(no_status=True, source=f"https://docs.tigera.io: {NO_STATUS}"),
    "projectcalico.org/*": Rule(no_status=True, source=f"https://docs.tigera.io: {NO_STATUS}"),
    "gateway.networking.k8s.io/ReferenceGrant": Rule(no_status=True, source="https://gateway-api.sigs.k8s.io: no status"),
    "externaldns.k8s.io/DNSEndpoint": Rule(no_status=True, source="https://kubernetes-sigs.github.io/external-dns: observedGeneration only"),
}  # fmt: skip
