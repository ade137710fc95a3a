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

{{/* What a schema can't say: one sentence each. */}}
{{- define "service.validate" -}}
{{- $v := .Values -}}
{{- if ge (int $v.preStopSleepSeconds) (int $v.terminationGracePeriodSeconds) -}}
{{- fail (printf "%s: terminationGracePeriodSeconds (%v) must be longer than preStopSleepSeconds (%v)" .Release.Name $v.terminationGracePeriodSeconds $v.preStopSleepSeconds) -}}
{{- end -}}
{{- if ge (int $v.minReadySeconds) (int $v.progressDeadlineSeconds) -}}
{{- fail (printf "%s: progressDeadlineSeconds (%v) must be longer than minReadySeconds (%v)" .Release.Name $v.progressDeadlineSeconds $v.minReadySeconds) -}}
{{- end -}}
{{- if gt (int $v.autoscaling.minReplicas) (int $v.autoscaling.maxReplicas) -}}
{{- fail (printf "%s: autoscaling.minReplicas (%v) is more than autoscaling.maxReplicas (%v)" .Release.Name $v.autoscaling.minReplicas $v.autoscaling.maxReplicas) -}}
{{- end -}}
{{- range $name, $_ := $v.secretEnv -}}
{{- if hasKey $v.env $name -}}
{{- fail (printf "%s: %s is in env and in secretEnv; keep one of them" $.Release.Name $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "PORT" "POD_NAME" "POD_NAMESPACE" -}}
{{- if or (hasKey $v.env $name) (hasKey $v.secretEnv $name) -}}
{{- fail (printf "%s: the chart sets the variable %s; take it out of env and secretEnv" $.Release.Name $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "volume-mounts" "volume-mounts-rw" "disable-builtin-k8s-secret-store" -}}
{{- if hasKey $v.dapr.annotations (print "dapr.io/" $name) -}}
{{- fail (printf "%s: the chart sets dapr.io/%s by dapr.secretNames; take it out of dapr.annotations" $.Release.Name $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := $v.podAnnotations -}}
{{- if hasPrefix "dapr.io/" $name -}}
{{- fail (printf "%s: %s belongs into dapr.annotations, not into podAnnotations" $.Release.Name $name) -}}
{{- end -}}
{{- end -}}
{{- end }}
