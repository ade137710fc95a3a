{{- define "observability.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
todo.cloud/environment: {{ .Values.environment | quote }}
{{- end }}

{{/* Of monitors and rules, as a Prometheus may select by them. */}}
{{- define "observability.selected" -}}
{{ include "observability.labels" . }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Namespace of the services. */}}
{{- define "observability.namespace" -}}
{{ .Values.namespace | default .Release.Namespace }}
{{- end }}

{{/* A PodMonitor: list of the root, its name, the namespace of the pods, their labels, its endpoints. */}}
{{- define "observability.podMonitor" -}}
{{- $root := index . 0 }}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ index . 1 | quote }}
  labels:
    {{- include "observability.selected" $root | nindent 4 }}
spec:
  namespaceSelector: {matchNames: [{{ index . 2 | quote }}]}
  selector: {{ index . 3 | toJson }}
  podMetricsEndpoints:
    {{- toYaml (index . 4) | nindent 4 }}
{{- end }}

{{/* A condition of the requests that count, and of those of the namespace alone. */}}
{{- define "observability.counted" -}}
namespace="{{ include "observability.namespace" . }}"
{{- range $label, $pattern := .Values.except }},{{ $label }}!~"{{ $pattern }}"{{ end -}}
{{- end }}

{{/* An alert: list of the root, its name, its expression, how long it must hold. */}}
{{- define "observability.alert" -}}
{{- $root := index . 0 -}}
{{- $told := get ($root.Files.Get "files/alerts.yaml" | fromYaml) (index . 1) -}}
- alert: {{ index . 1 }}
  expr: {{ index . 2 | trim | toRawJson }}
  for: {{ index . 3 }}
  labels: {severity: {{ $told.severity }}, environment: {{ $root.Values.environment | quote }}}
  annotations:
    summary: {{ $told.summary | toRawJson }}
    runbook_url: {{ printf "%s#%s" $root.Values.runbooks $told.runbook | quote }}
{{- end }}

{{/* A comparison in which some services have thresholds of their own: list of the root, metric, key, divisor. */}}
{{- define "observability.over" -}}
{{- $root := index . 0 -}}{{- $metric := index . 1 -}}{{- $key := index . 2 -}}{{- $by := index . 3 -}}
{{- $own := dict -}}
{{- range $name, $service := $root.Values.services -}}
{{- if hasKey $service $key }}{{ $_ := set $own $name (get $service $key) }}{{ end -}}
{{- end -}}
{{- $here := printf "namespace=%q" (include "observability.namespace" $root) -}}
({{ $metric }}{{ "{" }}{{ $here }}{{ with keys $own | sortAlpha }},service!~"{{ join "|" . }}"{{ end }}} > {{ divf (get $root.Values.thresholds $key) $by }}
{{- range $name, $value := $own }} or {{ $metric }}{{ "{" }}{{ $here }},service={{ $name | quote }}} > {{ divf $value $by }}{{ end -}}
)
{{- end }}
