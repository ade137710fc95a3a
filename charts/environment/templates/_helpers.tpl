{{- define "environment.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: {{ .Values.partOf | toYaml }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
todo.cloud/environment: {{ .Values.environment | quote }}
{{- end }}

{{/*
One NetworkPolicy that opens one direction between the chosen pods and a peer ({namespaces, cidrs, ports});
nothing if the peer is nobody: a rule without a peer would mean everybody.
Call: dict "root" $ "name" … "pods" (a label selector) "direction" "ingress|egress" "peer" … ["protocols" (list)]
*/}}
{{- define "environment.allow" -}}
{{- if or .peer.namespaces .peer.cidrs }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  labels:
    {{- include "environment.labels" .root | nindent 4 }}
spec:
  podSelector: {{ toJson .pods }}
  policyTypes: [{{ title .direction }}]
  {{ .direction }}:
    - {{ ternary "from" "to" (eq .direction "ingress") }}:
        {{- include "environment.places" .peer | trim | nindent 8 }}
      ports:
        {{- range $port := .peer.ports }}
        {{- range $protocol := $.protocols | default (list "TCP") }}
        - {protocol: {{ $protocol }}, port: {{ $port }}}
        {{- end }}
        {{- end }}
{{- end }}
{{- end }}

{{/* The namespaces and addresses of a peer, as items of from or to; the caller sees to it that there are some. */}}
{{- define "environment.places" -}}
{{- with .namespaces }}
- namespaceSelector:
    matchExpressions:
      - {key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}
{{- end }}
{{- range .cidrs }}
- ipBlock: {cidr: {{ . | quote }}}
{{- end }}
{{- end }}
