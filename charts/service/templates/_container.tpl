{{/* The service's own container. */}}
{{- define "service.container" -}}
name: {{ .Release.Name | toYaml }}
image: {{ .Values.image | quote }}
imagePullPolicy: {{ .Values.imagePullPolicy }}
{{- include "service.command" .Values }}
{{- if include "service.port" . }}
ports:
  - {name: http, containerPort: {{ .Values.port }}, protocol: TCP}
{{- end }}
env:
  {{- include "service.ownEnv" . | nindent 2 }}
{{- with include "service.envFrom" .Values.envFrom }}
envFrom:
  {{- trim . | nindent 2 }}
{{- end }}
{{- range $kind, $probe := .Values.probes }}
{{- with include "service.probe" (dict "root" $ "probe" $probe) }}
{{ $kind }}Probe:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}
{{- with include "service.lifecycle" . }}
lifecycle:
  {{- . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- include "service.containerSecurity" . | nindent 2 }}
{{- with include "service.mounts" . }}
volumeMounts:
  {{- trim . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A container beside or before it. Call: dict "root" $ "container" … */}}
{{- define "service.otherContainer" -}}
{{- $root := .root -}}
{{- $like := .container.likeService -}}
{{- with .container -}}
name: {{ .name | toYaml }}
image: {{ .image | default $root.Values.image | quote }}
imagePullPolicy: {{ $root.Values.imagePullPolicy }}
{{- with .restartPolicy }}
restartPolicy: {{ . }}
{{- end }}
{{- include "service.command" . }}
{{- $env := include "service.env" . }}
{{- if $like }}{{ $env = printf "%s\n%s" (include "service.ownEnv" $root) $env }}{{ end }}
{{- with $env }}
env:
  {{- trim . | nindent 2 }}
{{- end }}
{{- $from := .envFrom | default list }}
{{- if $like }}{{ $from = concat $root.Values.envFrom $from }}{{ end }}
{{- with include "service.envFrom" $from }}
envFrom:
  {{- trim . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .resources | nindent 2 }}
securityContext:
  {{- include "service.containerSecurity" $root | nindent 2 }}
{{- $mounts := "" }}
{{- if $like }}{{ $mounts = include "service.mounts" $root }}{{ end }}
{{- range $volume, $path := .mounts }}
{{- $mounts = printf "%s\n- {name: %s, mountPath: %s}" $mounts (toJson $volume) (toJson $path) }}
{{- end }}
{{- with $mounts }}
volumeMounts:
  {{- trim . | nindent 2 }}
{{- end }}
{{- end -}}
{{- end }}

{{- define "service.command" -}}
{{- with .command }}
command: {{ toJson . }}
{{- end }}
{{- with .args }}
args: {{ toJson . }}
{{- end }}
{{- end }}

{{- define "service.ownEnv" -}}
{{- if include "service.port" . -}}
- {name: PORT, value: {{ .Values.port | quote }}}
{{ end -}}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
{{- include "service.env" .Values }}
{{- end }}

{{- define "service.env" -}}
{{- range $name, $value := .env }}
- {name: {{ $name | toYaml }}, value: {{ $value | quote }}}
{{- end }}
{{- range $name, $from := .configEnv }}
- {name: {{ $name | toYaml }}, valueFrom: {configMapKeyRef: {name: {{ $from.configMap | quote }}, key: {{ $from.key | quote }}}}}
{{- end }}
{{- range $name, $from := .secretEnv }}
- {name: {{ $name | toYaml }}, valueFrom: {secretKeyRef: {name: {{ $from.secret | quote }}, key: {{ $from.key | quote }}}}}
{{- end }}
{{- end }}

{{- define "service.envFrom" -}}
{{- range . }}
- {{ ternary "configMapRef" "secretRef" (hasKey . "configMap") }}: {name: {{ .configMap | default .secret | quote }}, optional: {{ .optional | default false }}}
  {{- with .prefix }}
  prefix: {{ . | toYaml }}
  {{- end }}
{{- end }}
{{- end }}

{{/* A probe; nothing for none, and for one that needs a port where there is none. Call: dict "root" $ "probe" … */}}
{{- define "service.probe" -}}
{{- $default := include "service.port" .root -}}
{{- with .probe -}}
{{- $port := .port | default (ternary "http" $default (ne .type "grpc")) -}}
{{- if or (eq .type "exec") (and (ne .type "none") (or .port $default)) -}}
{{- if eq .type "http" -}}
httpGet: {path: {{ .path | quote }}, port: {{ $port }}{{ with .scheme }}, scheme: {{ . }}{{ end }}}
{{- else if eq .type "tcp" -}}
tcpSocket: {port: {{ $port }}}
{{- else if eq .type "grpc" -}}
grpc: {port: {{ $port }}, service: {{ .service | default "" | quote }}}
{{- else -}}
exec: {command: {{ toJson .command }}}
{{- end }}
{{- range $field := list "initialDelaySeconds" "periodSeconds" "timeoutSeconds" "failureThreshold" "successThreshold" }}
{{- with get $.probe $field }}
{{ $field }}: {{ . }}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "service.lifecycle" -}}
{{- $lifecycle := deepCopy .Values.lifecycle -}}
{{- if and .Values.preStopSleepSeconds (not $lifecycle.preStop) (not (include "service.runsOnce" .)) -}}
{{- $_ := set $lifecycle "preStop" (dict "sleep" (dict "seconds" .Values.preStopSleepSeconds)) -}}
{{- end -}}
{{- with $lifecycle }}{{ toYaml . }}{{ end -}}
{{- end }}

{{- define "service.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: {{ .Values.security.readOnlyRoot }}
capabilities: {drop: [ALL]{{ with .Values.security.capabilities }}, add: {{ toJson . }}{{ end }}}
{{- end }}

{{- define "service.mounts" -}}
{{- range $path, $_ := .Values.writable }}
- {name: {{ include "service.writableName" $path | toYaml }}, mountPath: {{ $path | quote }}}
{{- end }}
{{- $volumes := .Values.volumes }}
{{- if eq .Values.kind "StatefulSet" }}{{ $volumes = merge (dict) $volumes .Values.statefulSet.claims }}{{ end }}
{{- range $name, $volume := $volumes }}
{{- if $volume.path }}
- name: {{ $name | toYaml }}
  mountPath: {{ $volume.path | quote }}
  {{- with $volume.subPath }}
  subPath: {{ . | quote }}
  {{- end }}
  {{- if $volume.readOnly }}
  readOnly: true
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
