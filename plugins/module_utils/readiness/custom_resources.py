# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of rules for custom resources that the conventions alone would misread, or could not read at all.

One row per kind, with the source of what its status means. Everything else is for conventions.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from .rules import Rule


def _has(kind: str, status: str = "True") -> str:
    boolean = status.lower()  # seen where a controller does not write its own API's type
    return f"status.conditions[?type=='{kind}' && (status=='{status}' || status==`{boolean}`)]"


def _word(path: str, *words: str) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"contains([{listed}], {path})"


def _all_true(*kinds: str) -> str:
    return " && ".join(_has(kind) for kind in kinds)


_READY = _has("Ready")
_NO_STATUS = "it writes no status, or only where a feature is switched on"
# Gloo writes numbers or names, at the top or once per namespace of its controllers.
_GLOO_STATUSES = "[values(not_null(status.statuses, `{}`)), [status]][]"
_PROMOTER = "https://gitops-promoter.readthedocs.io/en/latest/crd-specs/"

TABLE: Mapping[str, Rule] = {
    # -- databases and brokers
    "postgresql.cnpg.io/Cluster": Rule(
        ready=f"status.phase=='Cluster in healthy state' && {_READY}",
        failed="starts_with(not_null(status.phase, ''), 'Failing over') || contains(not_null(status.phase, ''), 'unrecoverable')"
        " || contains(not_null(status.phase, ''), 'not enough disk space') || contains(not_null(status.phase, ''), 'Unable to')",
        suspended="metadata.annotations.\"cnpg.io/hibernation\"=='on' || metadata.annotations.\"cnpg.io/reconciliationLoop\"=='disabled'",
        message="join(': ', [status.phase, status.phaseReason][?@])",
        source="https://github.com/cloudnative-pg/cloudnative-pg/blob/main/api/v1/cluster_types.go (PhaseHealthy and its like)",
    ),
    "k8s.mariadb.com/MariaDB": Rule(ready=_READY, source="https://github.com/mariadb-operator/mariadb-operator (conditions)"),
    "mariadb.mmontes.io/MariaDB": Rule(ready=_READY, source="the former group of k8s.mariadb.com"),
    "rabbitmq.com/RabbitmqCluster": Rule(
        ready=_all_true("AllReplicasReady", "ClusterAvailable"),
        failed=_has("ReconcileSuccess", "False"),
        source="https://www.rabbitmq.com/kubernetes/operator/using-operator#status-conditions",
    ),
    "postgres-operator.crunchydata.com/PostgresCluster": Rule(
        progressing="status.instances[?not_null(readyReplicas, `0`) < not_null(replicas, `1`)"
        " || not_null(updatedReplicas, readyReplicas, `0`) < not_null(replicas, `1`)]",
        ready="status.instances",
        source="https://access.crunchydata.com/documentation/postgres-operator/latest/references/crd (instances)",
    ),
    "mysql.oracle.com/InnoDBCluster": Rule(
        failed=_word("status.cluster.status", "OFFLINE", "NO_QUORUM", "SPLIT_BRAIN", "INVALID"),
        ready="status.cluster.status=='ONLINE' && status.cluster.onlineInstances >= not_null(spec.instances, `1`)",
        message="status.cluster.status",
        source="https://dev.mysql.com/doc/mysql-operator/en/mysql-operator-innodbcluster.html",
    ),
    "infinispan.org/Infinispan": Rule(
        ready=_has("WellFormed"), progressing=_has("WellFormed", "False"),
        source="https://infinispan.org/docs/infinispan-operator/main/operator.html (WellFormed)",
    ),
    "solr.apache.org/SolrCloud": Rule(
        progressing="status.solrNodes[?!ready]", ready="status.solrNodes",
        source="https://apache.github.io/solr-operator/docs/solr-cloud/ (solrNodes)",
    ),
    "zookeeper.pravega.io/ZookeeperCluster": Rule(
        failed=_has("Error"),
        ready="status.readyReplicas > `0` && status.readyReplicas >= status.replicas",
        source="https://github.com/pravega/zookeeper-operator/blob/master/api/v1beta1/status.go",
    ),
    "minio.min.io/Tenant": Rule(
        failed="[not_null(status.currentState, '')] | [?contains(@, 'not controlled by') || contains(@, 'already exists')"
        " || contains(@, 'not set properly') || contains(@, 'Different versions') || contains(@, 'Not Allowed')] | [0]",
        ready="status.currentState=='Initialized'", message="status.currentState",
        source="https://github.com/minio/operator/blob/master/pkg/controller/status.go (currentState)",
    ),
    "ceph.rook.io/CephCluster": Rule(
        failed="status.state=='Error' || status.ceph.health=='HEALTH_ERR' || status.ceph.health=='HEALTH_WARN'"
        " && not_null(status.phase, 'Ready')=='Ready'",
        ready="status.ceph.health=='HEALTH_OK' && " + _word("not_null(status.state, 'Created')", "Created", "Connected"),
        message="join(': ', [status.ceph.health, values(not_null(status.ceph.details, `{}`))[0].message, status.message][?@])",
        source="https://rook.io/docs/rook/latest-release/CRDs/Cluster/ceph-cluster-crd/#ceph-status",
    ),
    "longhorn.io/Volume": Rule(
        failed="status.robustness=='faulted'", progressing="status.robustness=='degraded' || contains(not_null(status.state, ''), 'ing')",
        ready=_word("status.state", "attached", "detached"), message="join(', ', [status.state, status.robustness][?@])",
        source="https://longhorn.io/docs/latest/references/ (state and robustness of volumes)",
    ),
    **{
        f"snapshot.storage.k8s.io/{kind}": Rule(
            failed="status.error && !(status.readyToUse)", ready="status.readyToUse", message="status.error.message",
            source="https://kubernetes.io/docs/concepts/storage/volume-snapshots/ (readyToUse, error)",
        )
        for kind in ("VolumeSnapshot", "VolumeSnapshotContent")
    },
    "platform.confluent.io/Connector": Rule(
        failed="status.state=='ERROR' || status.connectorState=='FAILED' || status.failedTasksCount > `0`",
        ready="status.state=='CREATED' && status.connectorState=='RUNNING'",
        message="not_null(status.conditions[0].message, status.connectorState)",
        source="https://docs.confluent.io/operator/current/co-manage-connectors.html",
    ),
    "cassandra.rook.io/Cluster": Rule(
        ready="status.racks && !(values(status.racks)[?not_null(readyMembers, `0`) < members])",
        source="https://github.com/rook/cassandra (RackStatus)",
    ),
    "*.k8s.elastic.co/*": Rule(
        ready="status.health=='green' && not_null(status.phase, 'Ready')=='Ready'",
        failed="status.health=='red' && not_null(status.phase, 'Ready')=='Ready' || status.phase=='Invalid'",
        progressing=_word("status.phase", "ApplyingChanges", "MigratingData", "Stalled", "NodeShutdownStalled"),
        message="join(', ', [status.phase, status.health][?@])",
        source="https://www.elastic.co/docs/deploy-manage/deploy/cloud-on-k8s (health and phase)",
    ),
    "kafka.banzaicloud.io/KafkaCluster": Rule(
        progressing="status.cruiseControlTopicStatus && status.cruiseControlTopicStatus!='CruiseControlTopicReady' && "
        "!(values(not_null(status.brokersState, `{}`))[?contains(gracefulActionState.cruiseControlState, 'WithError')])",
        ready="status.state=='ClusterRunning' && !(values(not_null(status.brokersState, `{}`))[?configurationState!='ConfigInSync'])",
        failed="values(not_null(status.brokersState, `{}`))[?contains(gracefulActionState.cruiseControlState, 'WithError')]"
        " || status.state=='ClusterRunning' && values(not_null(status.brokersState, `{}`))[?configurationState!='ConfigInSync']",
        source="https://github.com/banzaicloud/koperator/blob/master/api/v1beta1/common_types.go",
    ),
    "kafka.strimzi.io/*": Rule(
        ready=_READY,
        failed="status.conditions[?type=='NotReady' && status=='True' && reason!='Creating']",
        progressing=_has("NotReady"),
        suspended="metadata.annotations.\"strimzi.io/pause-reconciliation\"=='true'",
        source="https://strimzi.io/docs/operators/latest/deploying#con-custom-resources-status-str (Ready, NotReady)",
    ),
    "kafka.strimzi.io/StrimziPodSet": Rule(ready="status.readyPods >= status.pods && status.currentPods >= status.pods", source="Strimzi"),
    "clickhouse.altinity.com/*": Rule(source="https://github.com/Altinity/clickhouse-operator (status.status)"),
    "trident.netapp.io/TridentBackendConfig": Rule(
        ready="status.phase=='Bound' && status.lastOperationStatus=='Success'",
        failed="status.lastOperationStatus=='Failed' || " + _word("status.phase", "Failed", "Lost", "Unbound"),
        message="status.message",
        source="https://docs.netapp.com/us-en/trident/trident-use/backend_ops_kubectl.html",
    ),
    # -- rollouts and workloads
    "argoproj.io/Rollout": Rule(
        failed="status.abort || status.phase=='Degraded' || status.phase=='Error' || " + _has("InvalidSpec")
        + " || status.conditions[?type=='Progressing' && (reason=='ProgressDeadlineExceeded' || reason=='RolloutAborted')]",
        suspended="spec.paused || status.controllerPause || status.phase=='Paused' || " + _has("Paused"),
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
        failed=f"{_has('ErrorOccurred')} || status.conditions[?type=='ResourcesUpToDate' && status=='False' && contains(not_null(reason, ''), 'Error')]",
        progressing=_has("RolloutProgressing"),
        ready=f"{_has('ResourcesUpToDate')} || {_has('ParametersGenerated')}",
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
        failed=f"{_has('SpecError')} || {_has('SubmissionError')}", ready="`true`",
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
        ready=_word("status.phase", "Succeeded", "Initialized"), failed="status.phase=='Failed'",
        message="status.conditions[?type=='Promoted'].message | [0]",
        source="https://docs.flagger.app/usage/how-it-works#canary-status",
    ),
    "keda.sh/ScaledObject": Rule(
        failed=f"{_has('Fallback')} || {_has('Ready', 'False')}", suspended=_has("Paused"), ready=_READY,
        source="https://keda.sh/docs/latest/concepts/scaling-deployments/ (Ready, Fallback, Paused)",
    ),
    "keda.sh/ScaledJob": Rule(
        failed=f"{_has('Ready', 'False')} || status.conditions[?type=='Ready' && contains(not_null(reason, ''), 'Error')]",
        suspended=_has("Paused"), ready=_READY, source="https://keda.sh/docs/latest/concepts/scaling-jobs/",
    ),
    "keda.sh/*": Rule(no_status=True, source="https://keda.sh: TriggerAuthentication reports its users only"),
    "serving.kserve.io/InferenceService": Rule(
        failed="status.modelStatus.transitionStatus=='BlockedByFailedLoad' || status.modelStatus.transitionStatus=='InvalidSpec'",
        suspended=_has("Stopped"), progressing="status.modelStatus.transitionStatus=='InProgress'",
        message="not_null(status.modelStatus.lastFailureInfo.message, status.conditions[?type=='Ready'].message | [0])",
        source="https://kserve.github.io/website/docs/reference/crd-api (TransitionStatus)",
    ),
    "core.spinkube.dev/SpinApp": Rule(
        progressing=_has("Progressing"), source="https://www.spinkube.dev/docs/reference/spin-app/ (Progressing ends False)",
    ),
    "apps.openshift.io/DeploymentConfig": Rule(
        failed="status.conditions[?type=='Progressing' && (status=='False' || reason=='ProgressDeadlineExceeded')]"
        " || status.replicas > `0` && " + _has("Available", "False"),
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
        ready=_word("status.applicationState.state", "RUNNING", "COMPLETED", "SUCCEEDING"),
        failed="contains(not_null(status.applicationState.state, ''), 'FAIL')", suspended="status.applicationState.state=='SUSPENDED'",
        message="not_null(status.applicationState.errorMessage, status.applicationState.state)",
        source="https://www.kubeflow.org/docs/components/spark-operator/ (ApplicationStateType)",
    ),
    "cdi.kubevirt.io/DataVolume": Rule(
        failed="status.phase=='Failed' || status.conditions[?type=='Running' && status=='False' && reason=='Error']",
        suspended="status.phase=='Paused'",
        ready=_word("status.phase", "Succeeded", "WaitForFirstConsumer", "PendingPopulation"),
        message="not_null(status.conditions[?type=='Running'].message | [0], status.phase)",
        source="https://github.com/kubevirt/containerized-data-importer/blob/main/doc/datavolumes.md",
    ),
    "kubevirt.io/VirtualMachine": Rule(
        suspended="spec.running==`false` || spec.runStrategy=='Halted' || " + _has("Paused")
        + f" || {_has('Ready', 'False')} && !(status.created)",
        failed="[not_null(status.printableStatus, '')] | [?starts_with(@, 'Err') || @=='CrashLoopBackOff'] | [0]",
        ready=_READY, message="status.printableStatus",
        source="https://kubevirt.io/user-guide/user_workloads/lifecycle/ (printableStatus, Ready, Paused)",
    ),
    "kubevirt.io/VirtualMachineInstance": Rule(
        suspended=f"status.phase=='Succeeded' || {_has('Paused')}", failed="status.phase=='Failed'",
        ready=f"status.phase=='Running' && {_READY}", message="not_null(status.conditions[?status=='False'].message | [0], status.phase)",
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
        ready=_word("status.phase", "Running", "Paused", "Pausing"),
        message="not_null(status.conditions[?status=='False'].message | [0], status.message, status.phase)",
        source="https://numaflow.numaproj.io/APIs/ (phases; one that is paused was told so by its spec)",
    ),
    "apps.3scale.net/APIManager": Rule(
        ready=f"{_has('Available')} || status.deployments.ready && !(status.deployments.starting || status.deployments.stopped)",
        failed="status.conditions[?type=='Available' && status=='False' && reason]",
        source="https://github.com/3scale/3scale-operator/blob/master/doc/apimanager-reference.md (Available, deployments)",
    ),
    "tower.ansible.com/AnsibleJob": Rule(
        failed=_word("status.ansibleJobResult.status", "failed", "error", "canceled"),
        ready="status.ansibleJobResult.status=='successful'", message="status.ansibleJobResult.status",
        source="https://github.com/ansible/awx-resource-operator (ansibleJobResult)",
    ),
    # -- clusters, clouds and networks
    "*.cnrm.cloud.google.com/*": Rule(
        failed="status.conditions[?reason=='UpdateFailed' || reason=='DependencyNotFound' || reason=='DependencyInvalid']",
        suspended="status.conditions[?reason=='DependencyNotReady']", ready=_READY,
        progressing=_has("Ready", "False"), message="status.conditions[?type=='Ready'].message | [0]",
        source="https://cloud.google.com/config-connector/docs/how-to/monitoring-your-resources (reasons)",
    ),
    "core.cnrm.cloud.google.com/*": Rule(
        ready="status.healthy", failed="status.healthy==`false`", message="status.errors[0]",
        source="https://cloud.google.com/config-connector/docs/reference/overview (healthy)",
    ),
    "*.upbound.io/*": Rule(
        failed="status.conditions[?(type=='Synced' || type=='LastAsyncOperation') && status=='False' && reason!='ReconcilePaused']",
        suspended="metadata.annotations.\"crossplane.io/paused\"=='true' || status.conditions[?reason=='ReconcilePaused']",
        progressing=_has("Ready", "False"), ready=_READY,
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
        f" || status.state=='AtLatestKnown' && !({_has('InstallPlanPending')})",
        message="not_null(status.conditions[?status=='True'].message | [0], status.state)",
        source="https://olm.operatorframework.io/docs/concepts/crds/subscription/ (state, conditions)",
    ),
    "projectcontour.io/HTTPProxy": Rule(
        failed=f"!(spec.includes) && {_has('Valid', 'False')}",
        # What it includes may be another team's, and not there yet; its own routes work all the same.
        ready=f"{_has('Valid')} || spec.includes && {_has('Valid', 'False')}", message="status.description",
        source="https://projectcontour.io/docs/main/config/fundamentals/#status-reporting",
    ),
    "proclaim.dogmatiq.io/DNSSDServiceInstance": Rule(
        failed=f"{_has('Adopted', 'False')} || status.conditions[?reason=='AdvertiseError' || reason=='UnadvertiseError']",
        ready=_has("Discoverable"), source="https://github.com/dogmatiq/proclaim (Adopted, Advertised, Discoverable)",
    ),
    "cluster.x-k8s.io/MachineHealthCheck": Rule(
        ready="status.currentHealthy >= status.expectedMachines", failed="status.currentHealthy < status.expectedMachines",
        source="https://cluster-api.sigs.k8s.io/tasks/automated-machine-management/healthchecking",
    ),
    "core.gardener.cloud/Shoot": Rule(
        failed=_word("status.lastOperation.state", "Failed", "Error", "Aborted"),
        progressing="status.conditions[?status!='True']",
        ready="status.lastOperation.state=='Succeeded' && status.conditions && !(status.conditions[?status!='True'])",
        message="status.lastOperation.description",
        source="https://gardener.cloud/docs/gardener/shoot/shoot_status/",
    ),
    "*.services.k8s.aws/*": Rule(
        ready=_has("ACK.ResourceSynced"), failed=_has("ACK.Terminal"),
        message="status.conditions[?type=='ACK.Terminal' || type=='ACK.ResourceSynced'].message | [0]",
        source="https://aws-controllers-k8s.github.io/docs/concepts/ack-conditions",
    ),
    "pkg.crossplane.io/*": Rule(
        ready=f"{_all_true('Installed', 'Healthy')} || {_has('RevisionHealthy')}",
        failed=f"{_has('Healthy', 'False')} || {_has('RevisionHealthy', 'False')}",
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
        suspended=_has("Disrupting"), ready=_READY, failed=_has("Ready", "False"),
        message="status.conditions[?type=='Ready'].message | [0]",
        source="https://karpenter.sh/docs/concepts/nodeclaims/",
    ),
    "karpenter.sh/NodePool": Rule(failed=_has("Ready", "False"), ready=_READY, source="https://karpenter.sh/docs/concepts/nodepools/"),
    "karpenter.k8s.aws/EC2NodeClass": Rule(
        failed=_has("Ready", "False"), ready=_READY, source="https://karpenter.sh/docs/concepts/nodeclasses/",
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
        suspended=_has("Ignored"), source="https://nmstate.io/kubernetes-nmstate/user-guide/102-configuration",
    ),
    **{
        f"{group}.solo.io/*": Rule(
            failed=f"{_GLOO_STATUSES}.state | [?@=='Rejected' || @=='Warning' || @==`2` || @==`3`]",
            suspended=f"{_GLOO_STATUSES}.state | [?@=='Pending' || @==`0`]",
            ready=f"{_GLOO_STATUSES}.state | [?@=='Accepted' || @==`1`]",
            message=f"{_GLOO_STATUSES}.reason | [0]",
            source="https://docs.solo.io/gloo-edge/latest/operations/debugging_gloo/ (Pending, Accepted, Rejected, Warning)",
        )
        for group in ("gateway", "gloo")
    },
    "networking.istio.io/*": Rule(no_status=True, source=f"https://istio.io: {_NO_STATUS}"),
    "security.istio.io/*": Rule(no_status=True, source=f"https://istio.io: {_NO_STATUS}"),
    "telemetry.istio.io/*": Rule(no_status=True, source=f"https://istio.io: {_NO_STATUS}"),
    "extensions.istio.io/*": Rule(no_status=True, source=f"https://istio.io: {_NO_STATUS}"),
    "traefik.io/*": Rule(no_status=True, source="https://doc.traefik.io: no status"),
    "traefik.containo.us/*": Rule(no_status=True, source="https://doc.traefik.io: no status"),
    "crd.projectcalico.org/*": Rule(no_status=True, source=f"https://docs.tigera.io: {_NO_STATUS}"),
    "projectcalico.org/*": Rule(no_status=True, source=f"https://docs.tigera.io: {_NO_STATUS}"),
    "gateway.networking.k8s.io/ReferenceGrant": Rule(no_status=True, source="https://gateway-api.sigs.k8s.io: no status"),
    "externaldns.k8s.io/DNSEndpoint": Rule(no_status=True, source="https://kubernetes-sigs.github.io/external-dns: observedGeneration only"),
    # -- monitoring
    **{
        f"monitoring.coreos.com/{kind}": Rule(no_status=True, source=f"https://prometheus-operator.dev: {_NO_STATUS}")
        for kind in ("ServiceMonitor", "PodMonitor", "Probe", "PrometheusRule", "ScrapeConfig", "AlertmanagerConfig")
    },
    "operator.victoriametrics.com/*": Rule(
        failed="status.[updateStatus, clusterStatus, singleStatus][?@=='failed']", suspended="status.updateStatus=='paused'",
        ready="status.[updateStatus, clusterStatus, singleStatus][?@=='operational']", message="status.reason",
        source="https://docs.victoriametrics.com/operator/api/#statusmetadata (updateStatus)",
    ),
    "grafana.integreatly.org/Grafana": Rule(
        failed="status.stageStatus=='failed'", ready="status.stage=='complete' && status.stageStatus=='success'",
        message="join(': ', [status.stage, status.lastMessage][?@])",
        source="https://grafana.github.io/grafana-operator/docs/api/#grafanastatus",
    ),
    "grafana.integreatly.org/GrafanaDatasource": Rule(
        failed=f"status.NoMatchingInstances || {_has('NoMatchingInstance')} || " + _has("DatasourceSynchronized", "False"),
        ready=f"status.uid || {_has('DatasourceSynchronized')}",
        source="https://grafana.github.io/grafana-operator/docs/api/#grafanadatasourcestatus",
    ),
    "grafana.integreatly.org/*": Rule(
        failed=f"status.NoMatchingInstances || {_has('NoMatchingInstance')} || status.conditions[?status=='False']",
        source="https://grafana.github.io/grafana-operator/docs/api/ (NoMatchingInstance; the others are good when True)",
    ),
    "metrics.keptn.sh/Analysis": Rule(
        failed="status.state=='Completed' && status.pass==`false` && !(status.warning)",
        ready="status.state=='Completed'", message="status.state",
        source="https://keptn.sh/stable/docs/reference/crd-reference/analysis/",
    ),
    "metrics.keptn.sh/KeptnMetric": Rule(
        failed="status.errMsg", ready="status.value", message="not_null(status.errMsg, status.value)",
        source="https://keptn.sh/stable/docs/reference/crd-reference/metric/",
    ),
    "datadoghq.com/DatadogMetric": Rule(
        failed=f"{_has('Error')} || {_has('Valid', 'False')}", ready=_has("Valid"),
        message="status.conditions[?type=='Error' || type=='Valid'].message | [0]",
        source="https://docs.datadoghq.com/containers/guide/cluster_agent_autoscaling_metrics/",
    ),
    # -- policies, secrets, delivery
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
        f" && {_has('ValidPolicySpec')} || status.compliant=='Compliant' && {_has('Compliant')}",
        source="https://open-cluster-management.io/docs/getting-started/integration/policy-controllers/",
    ),
    "policy.open-cluster-management.io/*": Rule(
        ready="spec.disabled || status.compliant=='Compliant' || status.placement && !(status.compliant)",
        failed="status.compliant=='NonCompliant' && not_null(status.lastEvaluatedGeneration, metadata.generation)==metadata.generation",
        message="status.compliant", source="https://open-cluster-management.io/docs/getting-started/integration/policy-controllers/",
    ),
    "work.karmada.io/*": Rule(
        progressing=f"{_has('Scheduled', 'False')} || {_has('FullyApplied', 'False')}",
        failed=f"{_has('FullyApplied')} && status.aggregatedStatus[?applied!=`true` || health=='Unhealthy']",
        ready=_has("FullyApplied"),
        message="status.aggregatedStatus[?health!='Healthy'].appliedMessage | [0]",
        source="https://karmada.io/docs/reference/karmada-api/work-resources/resource-binding-v1alpha2",
    ),
    "astra.netapp.io/ExecHook": Rule(
        suspended="spec.enabled==`false`", ready="spec.enabled==`true`", source="https://docs.netapp.com/us-en/trident-protect: a hook is a setting",
    ),
    "astra.netapp.io/Schedule": Rule(ready="`true`", source="https://docs.netapp.com/us-en/trident-protect: a schedule is a setting"),
    "astra.netapp.io/Application": Rule(
        ready=f"status.protectionState=='protected' && {_READY}", source="https://docs.netapp.com/us-en/trident-protect",
    ),
    "numaplane.numaproj.io/*": Rule(
        failed="status.phase=='Failed' || status.conditions[?status=='False' && (type=='ProgressiveUpgradeSucceeded'"
        " || type=='ChildResourcesHealthy' && reason!='Progressing' && reason!='PipelineUnknown')]",
        progressing="status.phase=='Pending' || status.conditions[?type=='ChildResourcesHealthy' && status=='False']",
        ready="status.phase=='Deployed'", message="status.conditions[?status=='False'].message | [0]",
        source="https://github.com/numaproj/numaplane/blob/main/pkg/apis/numaplane/v1alpha1 (conditions)",
    ),
    "promoter.argoproj.io/ArgoCDCommitStatus": Rule(
        failed=f"{_has('Ready', 'False')} || status.applicationsSelected==`[]`", ready=_READY, source=_PROMOTER,
    ),
    "promoter.argoproj.io/CommitStatus": Rule(failed=_has("Ready", "False"), ready=f"{_READY} && status.sha", source=_PROMOTER),
    "promoter.argoproj.io/ChangeTransferPolicy": Rule(
        failed=f"{_has('Ready', 'False')} || status.[active, proposed][].commitStatuses[?phase=='failure'][]"
        " && !(status.[active, proposed][].commitStatuses[?phase=='pending'][])",
        progressing="!(status.active.dry.sha && status.proposed.dry.sha) || status.proposed.commitStatuses[?phase=='pending']",
        ready=_READY, source=_PROMOTER,
    ),
    "promoter.argoproj.io/PromotionStrategy": Rule(
        failed=f"{_has('Ready', 'False')} || status.environments==`[]`",
        progressing="status.environments[?!(active.dry.sha && proposed.dry.sha)"
        " || active.dry.sha != proposed.dry.sha]"
        " || status.environments[].[active, proposed][].commitStatuses[?phase=='pending'][]",
        ready=_READY, source=_PROMOTER,
    ),
    "promoter.argoproj.io/*": Rule(
        failed=f"{_has('Ready', 'False')} || status.environments[?phase=='failure']",
        progressing="status.environments[?phase=='pending']", ready=_READY, source=_PROMOTER,
    ),
    "source.toolkit.fluxcd.io/HelmRepository": Rule(
        suspended="spec.suspend", ready=f"spec.type=='oci' || {_READY}",
        source="https://fluxcd.io/flux/components/source/helmrepositories/#helm-oci-repository (no status for type oci)",
    ),
    "dapr.io/*": Rule(no_status=True, source="https://docs.dapr.io/reference/resource-specs/: no status"),
}  # fmt: skip
