{{- define "dapr.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: {{ .Values.partOf | quote }}
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
    {{- if $kafka.topicsPerEnvironment }}
    # Where a value holds {namespace}, Dapr puts the namespace before every topic. This one is the client's name as it is
    # by default, <namespace>.<app id>.
    - {name: clientID, value: "{namespace}"}
    {{- end }}
    # The namespace keeps the consumers of environments on one broker apart.
    - {name: consumerGroup, value: {{ printf "%s.%s" .root.Release.Namespace .group | quote }}}
    - {name: initialOffset, value: {{ .initialOffset }}}
    - {name: publishingScopes, value: {{ include "dapr.topicScopes" (dict "apps" .apps "verb" "publishes") | quote }}}
    - {name: subscriptionScopes, value: {{ include "dapr.topicScopes" (dict "apps" .apps "verb" "subscribes") | quote }}}
auth:
  secretStore: kubernetes      # the operator resolves the references: sidecars need no right to read the Secret
scopes: {{ keys .apps | sortAlpha | toJson }}
{{- end }}

{{/* The Resiliency of the chart's own components. Those that a Resiliency of the values names are left to that one. */}}
{{- define "dapr.patience" -}}
{{- $patience := .Values.patience -}}
{{- $named := dict -}}
{{- range .Values.resiliency }}{{ $named = merge $named (dig "components" dict .targets) }}{{ end -}}
{{- $apps := dict -}}
{{- $targets := dict -}}
{{- range $name, $part := dict "pubsub" .Values.pubsub "pubsub-broadcast" .Values.broadcast -}}
{{- if and $part.enabled (not (hasKey $named $name)) -}}
{{- $apps = merge $apps $part.apps -}}
{{- $outbound := dict "timeout" "publish" "retry" "publish" "circuitBreaker" $name -}}
{{- $_ := set $targets $name (dict "outbound" $outbound "inbound" (dict "retry" "deliver")) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.statestore.apps (not (hasKey $named "statestore")) -}}
{{- range .Values.statestore.apps }}{{ $_ := set $apps . true }}{{ end -}}
{{- $_ := set $targets "statestore" (dict "outbound" (dict "timeout" "state" "retry" "state")) -}}
{{- end -}}
{{- if and $patience.enabled $targets -}}
---
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: dependencies
  labels:
    {{- include "dapr.labels" . | nindent 4 }}
spec:
  policies:
    timeouts: {publish: {{ $patience.publish.timeout }}, state: {{ $patience.state.timeout }}}
    retries:
      publish: {policy: exponential, maxInterval: 1s, maxRetries: {{ $patience.publish.retries }}}
      deliver: {policy: exponential, maxInterval: {{ $patience.deliver.maxInterval }}, maxRetries: {{ $patience.deliver.retries }}}
      # Constant and short: a write with a wrong ETag is tried again, too, which delays its answer.
      state: {policy: constant, duration: 200ms, maxRetries: {{ $patience.state.retries }}}
    circuitBreakers:
      {{- range $name := list "pubsub" "pubsub-broadcast" }}
      {{ $name }}: {maxRequests: 1, timeout: {{ $patience.pause }}, trip: consecutiveFailures >= 5}
      {{- end }}
  targets:
    components: {{ toJson $targets }}
scopes: {{ keys $apps | sortAlpha | toJson }}
{{- end -}}
{{- end }}

{{/* What a schema can't say: one sentence each. */}}
{{- define "dapr.validate" -}}
{{- $taken := list -}}
{{- if .Values.pubsub.enabled }}{{ $taken = append $taken "pubsub" }}{{ end -}}
{{- if .Values.broadcast.enabled }}{{ $taken = append $taken "pubsub-broadcast" }}{{ end -}}
{{- if .Values.statestore.apps }}{{ $taken = append $taken "statestore" }}{{ end -}}
{{- if .Values.secretStore.apps }}{{ $taken = append $taken "kubernetes-secrets" }}{{ end -}}
{{- range $name, $component := .Values.components -}}
{{- if has $name $taken }}{{ fail (printf "%s: components.%s: the chart makes a component of this name; switch that off or take another name" $.Release.Name $name) }}{{ end -}}
{{- range $field, $_ := $component.secrets -}}
{{- if hasKey ($component.metadata | default dict) $field -}}
{{- fail (printf "%s: components.%s: %s is in metadata and in secrets; keep one of them" $.Release.Name $name $field) -}}
{{- end -}}
{{- end -}}
{{- if and (eq $component.type "bindings.cron") (not (dig "schedule" "" ($component.metadata | default dict))) -}}
{{- fail (printf "%s: components.%s: bindings.cron needs metadata.schedule" $.Release.Name $name) -}}
{{- end -}}
{{- $taken = append $taken $name -}}
{{- end -}}
{{- range $name, $subscription := .Values.subscriptions -}}
{{- if not (has $subscription.pubsub $taken) -}}
{{- fail (printf "%s: subscriptions.%s: there is no component %s" $.Release.Name $name $subscription.pubsub) -}}
{{- end -}}
{{- end -}}
{{- if hasKey .Values.configurations .Values.configuration.name -}}
{{- fail (printf "%s: configurations.%s has the name of configuration" .Release.Name .Values.configuration.name) -}}
{{- end -}}
{{- if and .Values.patience.enabled (hasKey .Values.resiliency "dependencies") -}}
{{- fail (printf "%s: resiliency.dependencies has the name of the chart's own; take another, or patience.enabled: false" .Release.Name) -}}
{{- end -}}
{{- range $name, $one := .Values.resiliency -}}
{{- range $kind, $targets := $one.targets -}}
{{- range $target, $guards := $targets -}}
{{- $all := list $guards -}}
{{- if eq $kind "components" }}{{ $all = values $guards }}{{ end -}}
{{- range $guard := $all -}}
{{- range $field, $where := dict "timeout" "timeouts" "retry" "retries" "circuitBreaker" "circuitBreakers" -}}
{{- $policy := get $guard $field -}}
{{- if and $policy (not (hasKey (get $one.policies $where | default dict) $policy)) -}}
{{- fail (printf "%s: resiliency.%s: %s of %s names %s, which is not in policies.%s" $.Release.Name $name $field $target $policy $where) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
