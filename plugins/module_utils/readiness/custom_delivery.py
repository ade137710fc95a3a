# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for custom resources: policies, secrets, delivery. See custom_resources.py."""

from __future__ import annotations

from collections.abc import Mapping

from .phrases import READY, has
from .rule import Rule

PROMOTER = "https://gitops-promoter.readthedocs.io/en/latest/crd-specs/"

DELIVERY: Mapping[str, Rule] = {
    "external-secrets.io/ClusterExternalSecret": Rule(
        failed="status.failedNamespaces", source="https://external-secrets.io/latest/api/clusterexternalsecret/",
    ),
    "templates.gatekeeper.sh/ConstraintTemplate": Rule(
        failed="status.byPod[].errors[]", ready="status.created", message="status.byPod[].errors[].message | [0]",
        source="https://open-policy-agent.github.io/gatekeeper/website/docs/constrainttemplates (created, byPod)",
    ),
    "constraints.gatekeeper.sh/*": Rule(
        failed="status.byPod[].errors[]", ready="status.byPod", message="status.byPod[].errors[].message | [0]",
        source="https://open-policy-agent.github.io/gatekeeper/website/docs/howto (byPod; violations are an audit's result)",
    ),
    "db.atlasgo.io/*": Rule(
        progressing="status.conditions[?type=='Ready' && status=='False' && contains(['Reconciling', 'GettingDevDB'], reason)]",
        source="https://atlasgo.io/integrations/kubernetes/operator (reasons of Ready)",
    ),
    "policy.open-cluster-management.io/OperatorPolicy": Rule(
        failed="status.compliant=='NonCompliant'",
        ready="status.compliant=='Compliant' && status.relatedObjects && !(status.relatedObjects[?compliant!='Compliant' && compliant!='UnknownCompliancy'])"
        f" && {has('ValidPolicySpec')} || status.compliant=='Compliant' && {has('Compliant')}",
        source="https://open-cluster-management.io/docs/getting-started/integration/policy-controllers/",
    ),
    "policy.open-cluster-management.io/*": Rule(
        ready="spec.disabled || status.compliant=='Compliant' || status.placement && !(status.compliant)",
        failed="status.compliant=='NonCompliant' && not_null(status.lastEvaluatedGeneration, metadata.generation)==metadata.generation",
        message="status.compliant", source="https://open-cluster-management.io/docs/getting-started/integration/policy-controllers/",
    ),
    "work.karmada.io/*": Rule(
        progressing=f"{has('Scheduled', 'False')} || {has('FullyApplied', 'False')}",
        failed=f"{has('FullyApplied')} && status.aggregatedStatus[?applied!=`true` || health=='Unhealthy']",
        ready=has("FullyApplied"),
        message="status.aggregatedStatus[?health!='Healthy'].appliedMessage | [0]",
        source="https://karmada.io/docs/reference/karmada-api/work-resources/resource-binding-v1alpha2",
    ),
    "astra.netapp.io/ExecHook": Rule(
        suspended="spec.enabled==`false`", ready="spec.enabled==`true`", source="https://docs.netapp.com/us-en/trident-protect: a hook is a setting",
    ),
    "astra.netapp.io/Schedule": Rule(ready="`true`", source="https://docs.netapp.com/us-en/trident-protect: a schedule is a setting"),
    "astra.netapp.io/Application": Rule(
        ready=f"status.protectionState=='protected' && {READY}", source="https://docs.netapp.com/us-en/trident-protect",
    ),
    "numaplane.numaproj.io/*": Rule(
        failed="status.phase=='Failed' || status.conditions[?status=='False' && (type=='ProgressiveUpgradeSucceeded'"
        " || type=='ChildResourcesHealthy' && reason!='Progressing' && reason!='PipelineUnknown')]",
        progressing="status.phase=='Pending' || status.conditions[?type=='ChildResourcesHealthy' && status=='False']",
        ready="status.phase=='Deployed'", message="status.conditions[?status=='False'].message | [0]",
        source="https://github.com/numaproj/numaplane/blob/main/pkg/apis/numaplane/v1alpha1 (conditions)",
    ),
    "promoter.argoproj.io/ArgoCDCommitStatus": Rule(
        failed=f"{has('Ready', 'False')} || status.applicationsSelected==`[]`", ready=READY, source=PROMOTER,
    ),
    "promoter.argoproj.io/CommitStatus": Rule(failed=has("Ready", "False"), ready=f"{READY} && status.sha", source=PROMOTER),
    "promoter.argoproj.io/ChangeTransferPolicy": Rule(
        failed=f"{has('Ready', 'False')} || status.[active, proposed][].commitStatuses[?phase=='failure'][]"
        " && !(status.[active, proposed][].commitStatuses[?phase=='pending'][])",
        progressing="!(status.active.dry.sha && status.proposed.dry.sha) || status.proposed.commitStatuses[?phase=='pending']",
        ready=READY, source=PROMOTER,
    ),
    "promoter.argoproj.io/PromotionStrategy": Rule(
        failed=f"{has('Ready', 'False')} || status.environments==`[]`",
        progressing="status.environments[?!(active.dry.sha && proposed.dry.sha)"
        " || active.dry.sha != proposed.dry.sha]"
        " || status.environments[].[active, proposed][].commitStatuses[?phase=='pending'][]",
        ready=READY, source=PROMOTER,
    ),
    "promoter.argoproj.io/*": Rule(
        failed=f"{has('Ready', 'False')} || status.environments[?phase=='failure']",
        progressing="status.environments[?phase=='pending']", ready=READY, source=PROMOTER,
    ),
    "source.toolkit.fluxcd.io/HelmRepository": Rule(
        suspended="spec.suspend", ready=f"spec.type=='oci' || {READY}",
        source="https://fluxcd.io/flux/components/source/helmrepositories/#helm-oci-repository (no status for type oci)",
    ),
    "dapr.io/*": Rule(no_status=True, source="https://docs.dapr.io/reference/resource-specs/: no status"),
}  # fmt: skip
