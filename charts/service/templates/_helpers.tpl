{{/* What a Deployment and its Service select by: never changes over the life of a release. */}}
{{- define "service.selectorLabels" -}}
app.kubernetes.io/name: {{ .Release.Name | toYaml }}
app.kubernetes.io/instance: {{ .Release.Name | toYaml }}
{{- end }}

{{/* Labels of the pods: nothing that changes with the chart alone, so that a new chart version rolls no pod. */}}
{{- define "service.podLabels" -}}
{{ include "service.selectorLabels" . }}
app.kubernetes.io/part-of: {{ .Values.partOf | quote }}
{{- with include "service.imageTag" . }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
todo.cloud/environment: {{ .Values.environment | quote }}
{{- end }}

{{- define "service.labels" -}}
{{ include "service.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{/* The image's tag as a label value; empty for a reference by digest alone. */}}
{{- define "service.imageTag" -}}
{{- $named := first (splitList "@" .Values.image) | base -}}
{{- if contains ":" $named }}{{ last (splitList ":" $named) | trunc 63 | trimAll "._-" }}{{ end -}}
{{- end }}

{{/* Yes when the sidecar may read Secrets through the Kubernetes API. */}}
{{- define "service.sidecarReadsSecrets" -}}
{{- if and .Values.dapr.annotations .Values.dapr.secretNames }}yes{{ end -}}
{{- end }}

{{/* The container's port; empty for a worker, a Job and a CronJob. */}}
{{- define "service.port" -}}
{{- if and .Values.port (not (include "service.runsOnce" .)) }}{{ .Values.port }}{{ end -}}
{{- end }}

{{/* Yes for what ends by itself. */}}
{{- define "service.runsOnce" -}}
{{- if has .Values.kind (list "Job" "CronJob") }}yes{{ end -}}
{{- end }}

{{/* Hosts and paths of the public endpoint, as a JSON list: exposure.host, then exposure.rules. */}}
{{- define "service.rules" -}}
{{- $rules := list -}}
{{- with .Values.exposure.host }}{{ $rules = append $rules (dict "host" .) }}{{ end -}}
{{- $all := list -}}
{{- range concat $rules .Values.exposure.rules -}}
{{- $all = append $all (merge (dict) . (dict "paths" (list (dict "path" "/")))) -}}
{{- end -}}
{{- $all | toJson -}}
{{- end }}

{{/* What is public: asked for, or behind an Ingress or HTTPRoute. */}}
{{- define "service.access" -}}
{{- $access := .Values.networkPolicy.access -}}
{{- if ne .Values.exposure.api "none" }}{{ $access = append $access "public" | uniq }}{{ end -}}
{{- $access | sortAlpha | toJson -}}
{{- end }}

{{/*
Annotations of the pods. To those that are given, a pod with a sidecar gets
- block-shutdown-duration: daprd gets SIGTERM when the app's preStop sleep begins; it must outlive that sleep and what the
  app still publishes while it drains. A native sidecar ends after the app anyway.
- a liveness probe that forgives a busy node (the own one of Dapr before 1.18 kills after 18 s);
- the mount of the token (daprd only), or without Secrets to read no built-in secret store, which can't start without one.
*/}}
{{- define "service.podAnnotations" -}}
{{- $annotations := deepCopy .Values.podAnnotations -}}
{{- with .Values.dapr.annotations -}}
{{- $annotations = merge $annotations . -}}
{{- $own := dict "dapr.io/sidecar-liveness-probe-timeout-seconds" "5" "dapr.io/sidecar-liveness-probe-threshold" "20" -}}
{{- if include "service.sidecarReadsSecrets" $ -}}
{{- $_ := set $own "dapr.io/volume-mounts" "dapr-kube-api-access:/var/run/secrets/kubernetes.io/serviceaccount" -}}
{{- else -}}
{{- $_ := set $own "dapr.io/disable-builtin-k8s-secret-store" "true" -}}
{{- end -}}
{{- if ne (get . "dapr.io/enable-native-sidecar") "true" -}}
{{- $_ := set $own "dapr.io/block-shutdown-duration" (printf "%ds" (add $.Values.preStopSleepSeconds 5)) -}}
{{- end -}}
{{- $annotations = merge $annotations $own -}}
{{- end -}}
{{- with $annotations }}{{ toYaml . }}{{ end -}}
{{- end }}
