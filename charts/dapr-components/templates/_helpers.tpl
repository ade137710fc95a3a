{{- define "dapr.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: todo-app
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
todo.cloud/environment: {{ .Values.environment | quote }}
{{- end }}

{{/* app=topic,topic;app=topic: who may do what with which topics (an app with no topics after "=" may do nothing). */}}
{{- define "dapr.topicScopes" -}}
{{- $verb := .verb -}}
{{- $parts := list -}}
{{- range $app, $topics := .apps }}{{ $parts = append $parts (printf "%s=%s" $app (join "," (get $topics $verb))) }}{{ end -}}
{{- join ";" $parts -}}
{{- end }}

{{/* A pub/sub component on the broker. Call: dict "root" $ "name" … "apps" … "group" … "initialOffset" … */}}
{{- define "dapr.kafka" -}}
{{- $kafka := .root.Values.kafka -}}
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: {{ .name }}
  labels:
    {{- include "dapr.labels" .root | nindent 4 }}
spec:
  type: pubsub.kafka
  version: v1
  metadata:
    {{- range $field, $key := dict "brokers" "brokers" "saslUsername" "username" "saslPassword" "password" "saslMechanism" "dapr_mechanism" "disableTls" "disable_tls" }}
    - name: {{ $field }}
      secretKeyRef: {name: {{ $kafka.secretName | quote }}, key: {{ $key }}}
    {{- end }}
    {{- if $kafka.privateCA }}
    - name: caCert
      secretKeyRef: {name: {{ $kafka.secretName | quote }}, key: ca.crt}
    {{- end }}
    - {name: authType, value: password}
    - {name: version, value: {{ $kafka.version | quote }}}
    - {name: maxMessageBytes, value: {{ $kafka.maxMessageBytes | int | quote }}}
    # The namespace keeps environments on one broker apart. Not as Dapr's {namespace}: that would also rename every topic.
    - {name: consumerGroup, value: {{ printf "%s.%s" .root.Release.Namespace .group | quote }}}
    - {name: initialOffset, value: {{ .initialOffset }}}
    - {name: publishingScopes, value: {{ include "dapr.topicScopes" (dict "apps" .apps "verb" "publishes") | quote }}}
    - {name: subscriptionScopes, value: {{ include "dapr.topicScopes" (dict "apps" .apps "verb" "subscribes") | quote }}}
auth:
  secretStore: kubernetes      # the operator resolves the references: sidecars need no right to read the Secret
scopes: {{ keys .apps | sortAlpha | toJson }}
{{- end }}
