# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for custom resources: rollouts and workloads. See custom_resources.py."""

from __future__ import annotations

from collections.abc import Mapping

from .phrases import READY, has, word
from .rule import Rule

ROLLOUTS: Mapping[str, Rule] = {
    "argoproj.io/Rollout": Rule(
        failed="status.abort || status.phase=='Degraded' || status.phase=='Error' || " + has("InvalidSpec")
        + " || status.conditions[?type=='Progressing' && (reason=='ProgressDeadlineExceeded' || reason=='RolloutAborted')]",
        suspended="spec.paused || status.controllerPause || status.phase=='Paused' || " + has("Paused"),
        progressing="status.phase=='Progressing'"
        " || metadata.annotations.\"rollout.argoproj.io/workload-generation\" != status.workloadObservedGeneration"
        " && status.workloadObservedGeneration"
        " || spec.strategy.canary && not_null(status.stableRS, status.canary.stableRS, status.currentPodHash) != status.currentPodHash"
        " || spec.strategy.blueGreen && not_null(status.blueGreen.activeSelector, status.activeSelector, status.currentPodHash)"
        " != status.currentPodHash"
        " || not_null(status.updatedReplicas, `0`) < not_null(spec.replicas, `1`)"
        " || not_null(status.availableReplicas, `0`) < not_null(spec.replicas, `1`)"
        " || status.replicas > status.updatedReplicas",
        ready="status.phase=='Healthy' || status.currentPodHash",
        message="not_null(status.message, status.conditions[?status!='True'].message | [0], status.phase)",
        source="https://argo-rollouts.readthedocs.io/en/stable/features/specification/ (phase, pauseConditions, abort)",
    ),
    "argoproj.io/ApplicationSet": Rule(
        failed=f"{has('ErrorOccurred')} || status.conditions[?type=='ResourcesUpToDate' && status=='False' && contains(not_null(reason, ''), 'Error')]",
        progressing=has("RolloutProgressing"),
        ready=f"{has('ResourcesUpToDate')} || {has('ParametersGenerated')}",
        message="status.conditions[?type=='ErrorOccurred' && status=='True'].message | [0]",
        source="https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/ (conditions)",
    ),
    "argoproj.io/Application": Rule(
        ready="status.health.status=='Healthy' && status.sync.status=='Synced'",
        failed="status.health.status=='Degraded'", suspended="status.health.status=='Suspended'",
        message="not_null(status.health.message, status.health.status)",
        source="https://argo-cd.readthedocs.io/en/stable/operator-manual/health/",
    ),
    "argoproj.io/CronWorkflow": Rule(
        failed=f"{has('SpecError')} || {has('SubmissionError')}", ready="`true`",
        message="status.conditions[?status=='True'].message | [0]",
        source="https://argo-workflows.readthedocs.io/en/latest/cron-workflows/ (conditions)",
    ),
    "argoproj.io/AppProject": Rule(no_status=True, source="https://argo-cd.readthedocs.io: it reports tokens only"),
    "argoproj.io/WorkflowTemplate": Rule(no_status=True, source="https://argo-workflows.readthedocs.io"),
    "argoproj.io/ClusterWorkflowTemplate": Rule(no_status=True, source="https://argo-workflows.readthedocs.io"),
    "argoproj.io/AnalysisTemplate": Rule(no_status=True, source="https://argo-rollouts.readthedocs.io"),
    "argoproj.io/ClusterAnalysisTemplate": Rule(no_status=True, source="https://argo-rollouts.readthedocs.io"),
    "apps.kruise.io/AdvancedCronJob": Rule(
        suspended="spec.paused", ready="`true`", source="https://openkruise.io/docs/user-manuals/advancedcronjob: its schedule runs it",
    ),
    "apps.kruise.io/CloneSet": Rule(
        suspended="spec.updateStrategy.paused",
        ready="status.observedGeneration && not_null(status.updatedAvailableReplicas, status.availableReplicas, `0`)"
        " >= not_null(status.expectedUpdatedReplicas, spec.replicas, `1`)"
        " && not_null(status.availableReplicas, status.updatedAvailableReplicas) >= not_null(spec.replicas, `1`)",
        message="join('/', [to_string(not_null(status.updatedAvailableReplicas, `0`)),"
        " to_string(not_null(status.expectedUpdatedReplicas, spec.replicas, `1`))]) ",
        source="https://openkruise.io/docs/user-manuals/cloneset (expectedUpdatedReplicas)",
    ),
    "rollouts.kruise.io/Rollout": Rule(
        failed="status.phase=='Disabled'",
        suspended="spec.strategy.paused || status.canaryStatus.currentStepState=='StepPaused'"
        " || status.blueGreenStatus.currentStepState=='StepPaused'",
        ready="status.phase=='Healthy'", message="status.message",
        source="https://openkruise.io/rollouts/developer-manuals/api-specifications",
    ),
    "game.kruise.io/GameServer": Rule(
        failed="status.podStatus.conditions[?status=='False']", progressing="status.desiredState != status.currentState",
        ready="status.currentState=='Ready'", message="status.currentState",
        source="https://openkruise.io/kruisegame/user-manuals/gameserver-lifecycle",
    ),
    "flagger.app/Canary": Rule(
        ready=word("status.phase", "Succeeded", "Initialized"), failed="status.phase=='Failed'",
        message="status.conditions[?type=='Promoted'].message | [0]",
        source="https://docs.flagger.app/usage/how-it-works#canary-status",
    ),
    "keda.sh/ScaledObject": Rule(
        failed=f"{has('Fallback')} || {has('Ready', 'False')}", suspended=has("Paused"), ready=READY,
        source="https://keda.sh/docs/latest/concepts/scaling-deployments/ (Ready, Fallback, Paused)",
    ),
    "keda.sh/ScaledJob": Rule(
        failed=f"{has('Ready', 'False')} || status.conditions[?type=='Ready' && contains(not_null(reason, ''), 'Error')]",
        suspended=has("Paused"), ready=READY, source="https://keda.sh/docs/latest/concepts/scaling-jobs/",
    ),
    "keda.sh/*": Rule(no_status=True, source="https://keda.sh: TriggerAuthentication reports its users only"),
    "serving.kserve.io/InferenceService": Rule(
        failed="status.modelStatus.transitionStatus=='BlockedByFailedLoad' || status.modelStatus.transitionStatus=='InvalidSpec'",
        suspended=has("Stopped"), progressing="status.modelStatus.transitionStatus=='InProgress'",
        message="not_null(status.modelStatus.lastFailureInfo.message, status.conditions[?type=='Ready'].message | [0])",
        source="https://kserve.github.io/website/docs/reference/crd-api (TransitionStatus)",
    ),
    "core.spinkube.dev/SpinApp": Rule(
        progressing=has("Progressing"), source="https://www.spinkube.dev/docs/reference/spin-app/ (Progressing ends False)",
    ),
    "apps.openshift.io/DeploymentConfig": Rule(
        failed="status.conditions[?type=='Progressing' && (status=='False' || reason=='ProgressDeadlineExceeded')]"
        " || status.replicas > `0` && " + has("Available", "False"),
        ready="status.conditions[?type=='Progressing' && status=='True' && reason=='NewReplicationControllerAvailable']",
        suspended="spec.paused",
        message="status.conditions[?type=='Progressing'].message | [0]",
        source="https://docs.openshift.com (apps.openshift.io/v1, DeploymentCondition)",
    ),
    "opentelemetry.io/OpenTelemetryCollector": Rule(
        ready="!(status.scale.statusReplicas) || spec.mode=='sidecar' || status.scale.statusReplicas =="
        " join('/', [to_string(not_null(status.scale.replicas, `1`)), to_string(not_null(status.scale.replicas, `1`))])",
        failed="starts_with(not_null(status.scale.statusReplicas, ''), '0/') && status.scale.statusReplicas != '0/0'",
        message="status.scale.statusReplicas",
        source="https://github.com/open-telemetry/opentelemetry-operator/blob/main/docs/api (ScaleSubresourceStatus)",
    ),
    "flink.apache.org/*": Rule(
        ready="status.jobManagerDeploymentStatus=='READY' || status.jobManagerDeploymentStatus=='MISSING' && "
        "(status.reconciliationStatus.success || status.reconciliationStatus.state=='DEPLOYED')",
        failed="status.jobManagerDeploymentStatus=='ERROR' || status.error || status.reconciliationStatus.error",
        message="not_null(status.error, status.reconciliationStatus.error, status.jobManagerDeploymentStatus)",
        source="https://nightlies.apache.org/flink/flink-kubernetes-operator-docs-stable/docs/concepts/overview/",
    ),
    "sparkoperator.k8s.io/SparkApplication": Rule(
        ready=word("status.applicationState.state", "RUNNING", "COMPLETED", "SUCCEEDING"),
        failed="contains(not_null(status.applicationState.state, ''), 'FAIL')", suspended="status.applicationState.state=='SUSPENDED'",
        message="not_null(status.applicationState.errorMessage, status.applicationState.state)",
        source="https://www.kubeflow.org/docs/components/spark-operator/ (ApplicationStateType)",
    ),
    "cdi.kubevirt.io/DataVolume": Rule(
        failed="status.phase=='Failed' || status.conditions[?type=='Running' && status=='False' && reason=='Error']",
        suspended="status.phase=='Paused'",
        ready=word("status.phase", "Succeeded", "WaitForFirstConsumer", "PendingPopulation"),
        message="not_null(status.conditions[?type=='Running'].message | [0], status.phase)",
        source="https://github.com/kubevirt/containerized-data-importer/blob/main/doc/datavolumes.md",
    ),
    "kubevirt.io/VirtualMachine": Rule(
        suspended="spec.running==`false` || spec.runStrategy=='Halted' || " + has("Paused")
        + f" || {has('Ready', 'False')} && !(status.created)",
        failed="[not_null(status.printableStatus, '')] | [?starts_with(@, 'Err') || @=='CrashLoopBackOff'] | [0]",
        ready=READY, message="status.printableStatus",
        source="https://kubevirt.io/user-guide/user_workloads/lifecycle/ (printableStatus, Ready, Paused)",
    ),
    "kubevirt.io/VirtualMachineInstance": Rule(
        suspended=f"status.phase=='Succeeded' || {has('Paused')}", failed="status.phase=='Failed'",
        ready=f"status.phase=='Running' && {READY}", message="not_null(status.conditions[?status=='False'].message | [0], status.phase)",
        source="https://kubevirt.io/user-guide/user_workloads/lifecycle/ (phases)",
    ),
    "kubeflow.org/Notebook": Rule(
        failed="status.containerState.terminated", ready="status.readyReplicas > `0`",
        suspended="metadata.annotations.\"kubeflow-resource-stopped\"",
        source="https://www.kubeflow.org/docs/components/notebooks/ (readyReplicas, containerState)",
    ),
    "numaflow.numaproj.io/*": Rule(
        failed="status.phase=='Failed' || status.conditions[?status=='False' && reason!='Progressing']"
        " || metadata.labels.\"numaplane.numaproj.io/progressive-result-state\"=='failed'",
        progressing="status.conditions[?status=='False']",
        ready=word("status.phase", "Running", "Paused", "Pausing"),
        message="not_null(status.conditions[?status=='False'].message | [0], status.message, status.phase)",
        source="https://numaflow.numaproj.io/APIs/ (phases; one that is paused was told so by its spec)",
    ),
    "apps.3scale.net/APIManager": Rule(
        ready=f"{has('Available')} || status.deployments.ready && !(status.deployments.starting || status.deployments.stopped)",
        failed="status.conditions[?type=='Available' && status=='False' && reason]",
        source="https://github.com/3scale/3scale-operator/blob/master/doc/apimanager-reference.md (Available, deployments)",
    ),
    "tower.ansible.com/AnsibleJob": Rule(
        failed=word("status.ansibleJobResult.status", "failed", "error", "canceled"),
        ready="status.ansibleJobResult.status=='successful'", message="status.ansibleJobResult.status",
        source="https://github.com/ansible/awx-resource-operator (ansibleJobResult)",
    ),
}  # fmt: skip
