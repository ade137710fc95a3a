{{/* Who an account is: the ServiceAccount, and for on-call the groups that the cluster's login names. */}}
{{- define "environment.subjects" -}}
- {kind: ServiceAccount, name: {{ .account }}, namespace: {{ .root.Release.Namespace }}}
{{- if eq .account "oncall" }}
{{- range .root.Values.oncall.groups }}
- {kind: Group, apiGroup: rbac.authorization.k8s.io, name: {{ . | quote }}}
{{- end }}
{{- end }}
{{- end }}

{{/* What a deployment of services writes: the kinds of the charts service and dapr-components, Helm's Secrets, release
sets, the lock. No exec, attach, port-forward, ephemeral containers; quota, limits and the namespace are only read. */}}
{{- define "environment.deployerRules" -}}
{{- $all := list "get" "list" "watch" "create" "update" "patch" "delete" | toJson -}}
- {apiGroups: [""], resources: [configmaps, secrets, services, serviceaccounts, persistentvolumeclaims], verbs: {{ $all }}}
- {apiGroups: [apps], resources: [deployments, statefulsets, daemonsets], verbs: {{ $all }}}
- {apiGroups: [batch], resources: [jobs, cronjobs], verbs: {{ $all }}}
- {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: {{ $all }}}
- {apiGroups: [policy], resources: [poddisruptionbudgets], verbs: {{ $all }}}
- {apiGroups: [networking.k8s.io], resources: [ingresses, networkpolicies], verbs: {{ $all }}}
- {apiGroups: [rbac.authorization.k8s.io], resources: [roles, rolebindings], verbs: {{ $all }}}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: {{ $all }}}
- {apiGroups: [dapr.io], resources: [components, configurations, resiliencies, subscriptions], verbs: {{ $all }}}
- {apiGroups: [gateway.networking.k8s.io], resources: [httproutes], verbs: {{ $all }}}
- {apiGroups: [traefik.io], resources: [middlewares], verbs: {{ $all }}}
- {apiGroups: [monitoring.coreos.com], resources: [servicemonitors, prometheusrules], verbs: {{ $all }}}
# Pods are made by workloads; preflight tries them by a dry run, and the repair removes those without their sidecar.
- {apiGroups: [""], resources: [pods], verbs: [get, list, watch, create, delete]}
- {apiGroups: [""], resources: [pods/eviction], verbs: [create]}
- {apiGroups: [""], resources: [pods/log, pods/proxy], verbs: [get]}
- {apiGroups: [apps], resources: [replicasets], verbs: [get, list, watch, patch]}
- {apiGroups: [""], resources: [events], verbs: [get, list, watch, create]}
- {apiGroups: [""], resources: [resourcequotas, limitranges], verbs: [get, list, watch]}
- {apiGroups: [apps], resources: [controllerrevisions], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
- {apiGroups: [cert-manager.io], resources: [certificates], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [namespaces], resourceNames: [{{ .Release.Namespace }}], verbs: [get]}
# It renews its own token, and the one for on-call.
- {apiGroups: [""], resources: [serviceaccounts/token], resourceNames: [deployer, oncall], verbs: [create]}
{{- with .Values.deployer.rules }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Everything that tells how the environment is, but no Secret. */}}
{{- define "environment.oncallRules" -}}
{{- $read := list "get" "list" "watch" | toJson -}}
- apiGroups: [""]
  resources: [pods, events, configmaps, services, serviceaccounts, persistentvolumeclaims, resourcequotas, limitranges]
  verbs: {{ $read }}
- {apiGroups: [""], resources: [pods/log], verbs: [get]}
- {apiGroups: [apps], resources: [deployments, statefulsets, daemonsets, replicasets, controllerrevisions], verbs: {{ $read }}}
- {apiGroups: [batch], resources: [jobs, cronjobs], verbs: {{ $read }}}
- {apiGroups: [autoscaling], resources: [horizontalpodautoscalers], verbs: {{ $read }}}
- {apiGroups: [policy], resources: [poddisruptionbudgets], verbs: {{ $read }}}
- {apiGroups: [networking.k8s.io], resources: [ingresses, networkpolicies], verbs: {{ $read }}}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: {{ $read }}}
- {apiGroups: [rbac.authorization.k8s.io], resources: [roles, rolebindings], verbs: {{ $read }}}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: {{ $read }}}
- {apiGroups: [dapr.io], resources: [components, configurations, resiliencies, subscriptions], verbs: {{ $read }}}
- {apiGroups: [gateway.networking.k8s.io], resources: [httproutes], verbs: {{ $read }}}
- {apiGroups: [traefik.io], resources: [middlewares], verbs: {{ $read }}}
- {apiGroups: [monitoring.coreos.com], resources: [servicemonitors], verbs: {{ $read }}}
- {apiGroups: [cert-manager.io], resources: [certificates], verbs: {{ $read }}}
- {apiGroups: [""], resources: [namespaces], resourceNames: [{{ .Release.Namespace }}], verbs: [get]}
{{- end }}

{{/* The cluster's identity, room on the nodes, the version of Dapr. */}}
{{- define "environment.outsideRules" -}}
- {apiGroups: [""], resources: [namespaces], resourceNames: [kube-system], verbs: [get]}
- {apiGroups: [""], resources: [nodes], verbs: [get, list]}
- {apiGroups: [apps], resources: [deployments], resourceNames: [dapr-sidecar-injector], verbs: [get]}
- {apiGroups: [dapr.io], resources: [configurations], resourceNames: [daprsystem], verbs: [get]}
- {apiGroups: [""], resources: [configmaps], resourceNames: [dapr-trust-bundle], verbs: [get]}
- {apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations], resourceNames: [dapr-sidecar-injector], verbs: [get]}
{{- end }}
