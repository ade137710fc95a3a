# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for custom resources: databases and brokers. See custom_resources.py."""

from __future__ import annotations

from collections.abc import Mapping

from .phrases import READY, all_true, has, word
from .rule import Rule

DATABASES: Mapping[str, Rule] = {
    "postgresql.cnpg.io/Cluster": Rule(
        ready=f"status.phase=='Cluster in healthy state' && {READY}",
        failed="starts_with(not_null(status.phase, ''), 'Failing over') || contains(not_null(status.phase, ''), 'unrecoverable')"
        " || contains(not_null(status.phase, ''), 'not enough disk space') || contains(not_null(status.phase, ''), 'Unable to')",
        suspended="metadata.annotations.\"cnpg.io/hibernation\"=='on' || metadata.annotations.\"cnpg.io/reconciliationLoop\"=='disabled'",
        message="join(': ', [status.phase, status.phaseReason][?@])",
        source="https://github.com/cloudnative-pg/cloudnative-pg/blob/main/api/v1/cluster_types.go (PhaseHealthy and its like)",
    ),
    "k8s.mariadb.com/MariaDB": Rule(ready=READY, source="https://github.com/mariadb-operator/mariadb-operator (conditions)"),
    "mariadb.mmontes.io/MariaDB": Rule(ready=READY, source="the former group of k8s.mariadb.com"),
    "rabbitmq.com/RabbitmqCluster": Rule(
        ready=all_true("AllReplicasReady", "ClusterAvailable"),
        failed=has("ReconcileSuccess", "False"),
        source="https://www.rabbitmq.com/kubernetes/operator/using-operator#status-conditions",
    ),
    "postgres-operator.crunchydata.com/PostgresCluster": Rule(
        progressing="status.instances[?not_null(readyReplicas, `0`) < not_null(replicas, `1`)"
        " || not_null(updatedReplicas, readyReplicas, `0`) < not_null(replicas, `1`)]",
        ready="status.instances",
        source="https://access.crunchydata.com/documentation/postgres-operator/latest/references/crd (instances)",
    ),
    "mysql.oracle.com/InnoDBCluster": Rule(
        failed=word("status.cluster.status", "OFFLINE", "NO_QUORUM", "SPLIT_BRAIN", "INVALID"),
        ready="status.cluster.status=='ONLINE' && status.cluster.onlineInstances >= not_null(spec.instances, `1`)",
        message="status.cluster.status",
        source="https://dev.mysql.com/doc/mysql-operator/en/mysql-operator-innodbcluster.html",
    ),
    "infinispan.org/Infinispan": Rule(
        ready=has("WellFormed"), progressing=has("WellFormed", "False"),
        source="https://infinispan.org/docs/infinispan-operator/main/operator.html (WellFormed)",
    ),
    "solr.apache.org/SolrCloud": Rule(
        progressing="status.solrNodes[?!ready]", ready="status.solrNodes",
        source="https://apache.github.io/solr-operator/docs/solr-cloud/ (solrNodes)",
    ),
    "zookeeper.pravega.io/ZookeeperCluster": Rule(
        failed=has("Error"),
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
        ready="status.ceph.health=='HEALTH_OK' && " + word("not_null(status.state, 'Created')", "Created", "Connected"),
        message="join(': ', [status.ceph.health, values(not_null(status.ceph.details, `{}`))[0].message, status.message][?@])",
        source="https://rook.io/docs/rook/latest-release/CRDs/Cluster/ceph-cluster-crd/#ceph-status",
    ),
    "longhorn.io/Volume": Rule(
        failed="status.robustness=='faulted'", progressing="status.robustness=='degraded' || contains(not_null(status.state, ''), 'ing')",
        ready=word("status.state", "attached", "detached"), message="join(', ', [status.state, status.robustness][?@])",
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
        progressing=word("status.phase", "ApplyingChanges", "MigratingData", "Stalled", "NodeShutdownStalled"),
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
        ready=READY,
        failed="status.conditions[?type=='NotReady' && status=='True' && reason!='Creating']",
        progressing=has("NotReady"),
        suspended="metadata.annotations.\"strimzi.io/pause-reconciliation\"=='true'",
        source="https://strimzi.io/docs/operators/latest/deploying#con-custom-resources-status-str (Ready, NotReady)",
    ),
    "kafka.strimzi.io/StrimziPodSet": Rule(ready="status.readyPods >= status.pods && status.currentPods >= status.pods", source="Strimzi"),
    "clickhouse.altinity.com/*": Rule(source="https://github.com/Altinity/clickhouse-operator (status.status)"),
    "trident.netapp.io/TridentBackendConfig": Rule(
        ready="status.phase=='Bound' && status.lastOperationStatus=='Success'",
        failed="status.lastOperationStatus=='Failed' || " + word("status.phase", "Failed", "Lost", "Unbound"),
        message="status.message",
        source="https://docs.netapp.com/us-en/trident/trident-use/backend_ops_kubectl.html",
    ),
}  # fmt: skip
