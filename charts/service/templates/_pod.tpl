{{/* The pod's template, whatever runs it. */}}
{{- define "service.pod" -}}
{{- $job := include "service.runsOnce" . -}}
metadata:
  labels:
    {{- include "service.podLabels" . | nindent 4 }}
    {{- range include "service.access" . | fromJsonArray }}
    todo.cloud/access-{{ . }}: "true"
    {{- end }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with include "service.podAnnotations" . }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ .Release.Name | toYaml }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- if $job }}
  restartPolicy: {{ .Values.job.restartPolicy }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | toYaml }}
    {{- end }}
  {{- end }}
  securityContext:
    {{- include "service.podSecurity" . | nindent 4 }}
  {{- range $field := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
  {{- with get $.Values $field }}
  {{ $field }}: {{ toJson . }}
  {{- end }}
  {{- end }}
  {{- if not $job }}
  {{- with .Values.topologySpread }}
  topologySpreadConstraints:
    {{- range . }}
    - {{- toYaml . | nindent 6 }}
      labelSelector:
        matchLabels:
          {{- include "service.selectorLabels" $ | nindent 10 }}
      {{- if eq $.Values.kind "Deployment" }}
      matchLabelKeys: [pod-template-hash]
      {{- end }}
    {{- end }}
  {{- end }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- range . }}
    - {{- include "service.otherContainer" (dict "root" $ "container" .) | nindent 6 }}
    {{- end }}
  {{- end }}
  containers:
    - {{- include "service.container" . | nindent 6 }}
    {{- range .Values.containers }}
    - {{- include "service.otherContainer" (dict "root" $ "container" .) | nindent 6 }}
    {{- end }}
  {{- with include "service.volumes" . }}
  volumes:
    {{- trim . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Not root unless a value says so; with "image" it is the image's user, which must be a number other than 0. */}}
{{- define "service.podSecurity" -}}
{{- $security := .Values.security -}}
{{- $isImage := kindIs "string" $security.user -}}
runAsNonRoot: {{ or $isImage (ne (toString $security.user) "0") }}
{{- range $field, $id := dict "runAsUser" $security.user "runAsGroup" $security.group "fsGroup" $security.fsGroup }}
{{- $id = ternary $security.user $id (kindIs "string" $id) }}
{{- if not (kindIs "string" $id) }}
{{ $field }}: {{ int64 $id }}
{{- end }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* Volumes of the pod: folders that can be written to, those of the values, and the token of the sidecar. */}}
{{- define "service.volumes" -}}
{{- range $path, $size := .Values.writable }}
- name: {{ include "service.writableName" $path | toYaml }}
  emptyDir: {{ if $size }}{sizeLimit: {{ $size | quote }}}{{ else }}{}{{ end }}
{{- end }}
{{- range $name, $volume := .Values.volumes }}
- name: {{ $name | toYaml }}
  {{- include "service.volumeSource" $volume | nindent 2 }}
{{- end }}
{{- if include "service.sidecarReadsSecrets" . }}
- name: dapr-kube-api-access      # mounted into daprd only, by the annotation dapr.io/volume-mounts
  projected:
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3607}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end }}
{{- end }}

{{/* /tmp is tmp; all other paths have a part of their digest, so that no two are the same. */}}
{{- define "service.writableName" -}}
{{- if regexMatch "^/[a-z0-9]{1,60}$" . }}{{ trimPrefix "/" . -}}
{{- else }}{{ printf "%s-%s" (regexReplaceAll "[^a-z0-9]+" (lower .) "-" | trimAll "-" | trunc 50 | trimSuffix "-") (sha256sum . | trunc 8) | trimPrefix "-" }}{{ end -}}
{{- end }}

{{- define "service.volumeSource" -}}
{{- $source := dict -}}
{{- if or .configMap .secret -}}
{{- with .mode }}{{ $_ := set $source "defaultMode" (int .) }}{{ end -}}
{{- if hasKey . "optional" }}{{ $_ := set $source "optional" .optional }}{{ end -}}
{{- with .items -}}
{{- $items := list -}}
{{- range $key, $path := . }}{{ $items = append $items (dict "key" $key "path" $path) }}{{ end -}}
{{- $_ := set $source "items" $items -}}
{{- end -}}
{{- end -}}
{{- if .configMap }}configMap: {{ set $source "name" .configMap | toJson }}
{{- else if .secret }}secret: {{ set $source "secretName" .secret | toJson }}
{{- else if .claim }}persistentVolumeClaim: {{ dict "claimName" .claim "readOnly" (.readOnly | default false) | toJson }}
{{- else -}}
{{- with .emptyDir }}{{ $_ := set $source "sizeLimit" . }}{{ end -}}
{{- with .medium }}{{ $_ := set $source "medium" . }}{{ end -}}
emptyDir: {{ $source | toJson }}
{{- end -}}
{{- end }}
