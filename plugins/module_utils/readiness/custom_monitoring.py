# Copyright: todo.cloud maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules for custom resources: monitoring. See custom_resources.py."""

from __future__ import annotations

from collections.abc import Mapping

from .phrases import NO_STATUS, has
from .rule import Rule

MONITORING: Mapping[str, Rule] = {
    **{
        f"monitoring.coreos.com/{kind}": Rule(no_status=True, source=f"https://prometheus-operator.dev: {NO_STATUS}")
        for kind in ("ServiceMonitor", "PodMonitor", "Probe", "PrometheusRule", "ScrapeConfig", "AlertmanagerConfig")
    },
    "monitoring.coreos.com/*": Rule(  # Prometheus, Alertmanager: until their pods are ready they are not Available
        failed=has("Reconciled", "False"), suspended="spec.paused",
        progressing="status.conditions[?type=='Available' && status!='True']", ready=has("Available"),
        message="status.conditions[?(type=='Available' || type=='Reconciled') && status!='True'].message | [0]",
        source="https://prometheus-operator.dev/docs/api-reference/api/ (conditions Available, Reconciled)",
    ),
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
        failed=f"status.NoMatchingInstances || {has('NoMatchingInstance')} || " + has("DatasourceSynchronized", "False"),
        ready=f"status.uid || {has('DatasourceSynchronized')}",
        source="https://grafana.github.io/grafana-operator/docs/api/#grafanadatasourcestatus",
    ),
    "grafana.integreatly.org/*": Rule(
        failed=f"status.NoMatchingInstances || {has('NoMatchingInstance')} || status.conditions[?status=='False']",
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
        failed=f"{has('Error')} || {has('Valid', 'False')}", ready=has("Valid"),
        message="status.conditions[?type=='Error' || type=='Valid'].message | [0]",
        source="https://docs.datadoghq.com/containers/guide/cluster_agent_autoscaling_metrics/",
    ),
}  # fmt: skip
