{{- define "kafka.selectorLabels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kafka.labels" -}}
{{ include "kafka.selectorLabels" . }}
app.kubernetes.io/part-of: {{ .Values.partOf | toYaml }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{/* 16 bytes in base64url, the same for a release as long as it lives; the last letter's spare bits must be zero. */}}
{{- define "kafka.clusterId" -}}
{{ printf "%s/%s" .Release.Namespace .Release.Name | sha256sum | trunc 21 }}A
{{- end }}

{{/*
Listeners: CLIENT and TLS for everybody, with a password; INTERNAL and CONTROLLER on the loopback, for the broker itself and
for administration from inside the pod. Nobody else is anonymous, so User:ANONYMOUS is who is in the pod.
*/}}
{{- define "kafka.serverProperties" -}}
{{- $name := printf "%s.%s.svc.%s" .Release.Name .Release.Namespace .Values.clusterDomain -}}
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:9093
listeners=CLIENT://:9092,TLS://:9095,INTERNAL://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093
advertised.listeners=CLIENT://{{ $name }}:9092,TLS://{{ $name }}:9095,INTERNAL://127.0.0.1:9094
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,TLS:SASL_SSL,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512
{{- range $listener := list "client" "tls" }}
{{- range $mechanism := list "scram-sha-256" "scram-sha-512" }}
listener.name.{{ $listener }}.{{ $mechanism }}.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
{{- end }}
{{- end }}
listener.name.tls.ssl.keystore.type=PEM
listener.name.tls.ssl.keystore.location=/tmp/keystore.pem
# users have the rights that kafka.sh gives them, and no others
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:admin
allow.everyone.if.no.acl.found=false
log.dirs=/data/kafka
# after a crash the broker registers again only when its old session has run out (9 s by default)
broker.session.timeout.ms=5000
broker.heartbeat.interval.ms=1000
auto.create.topics.enable={{ .Values.autoCreateTopics }}
num.partitions={{ .Values.defaultPartitions | int }}
log.retention.hours={{ .Values.retentionHours | int }}
# one node: one replica of everything
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# consumers start at once instead of waiting for others to join; small buffers fit a small heap
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=8388608
{{- end }}
