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
{{- range $name, $_ := $v.configEnv -}}
{{- if or (hasKey $v.env $name) (hasKey $v.secretEnv $name) -}}
{{- fail (printf "%s: %s is in configEnv and in env or secretEnv; keep one of them" $.Release.Name $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "PORT" "POD_NAME" "POD_NAMESPACE" -}}
{{- if or (hasKey $v.env $name) (hasKey $v.secretEnv $name) (hasKey $v.configEnv $name) -}}
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
{{- include "service.validateKind" . -}}
{{- include "service.validatePorts" . -}}
{{- include "service.validateVolumes" . -}}
{{- include "service.validateLabels" . -}}
{{- range prepend (concat $v.initContainers $v.containers) (dict "name" .Release.Name "resources" $v.resources) -}}
{{- include "service.validateResources" (list $ .name .resources) -}}
{{- end -}}
{{- end }}

{{/* Call: list $ "sentence" */}}
{{- define "service.refuse" -}}
{{- fail (printf "%s: %s" (index . 0).Release.Name (index . 1)) -}}
{{- end }}

{{- define "service.validateKind" -}}
{{- $v := .Values -}}
{{- if and (has $v.kind (list "CronJob" "StatefulSet")) (gt (len .Release.Name) 52) -}}
{{- include "service.refuse" (list $ (printf "the name of a release with kind %s has at most 52 characters" $v.kind)) -}}
{{- end -}}
{{- if and (eq $v.kind "CronJob") (not $v.cronJob.schedule) -}}
{{- include "service.refuse" (list $ "kind CronJob needs cronJob.schedule") -}}
{{- end -}}
{{- if and $v.statefulSet.claims (ne $v.kind "StatefulSet") -}}
{{- include "service.refuse" (list $ "statefulSet.claims needs kind StatefulSet; an existing claim goes into volumes") -}}
{{- end -}}
{{- $scaled := or $v.autoscaling.enabled $v.autoscaling.external -}}
{{- if and $scaled (include "service.runsOnce" .) -}}
{{- include "service.refuse" (list $ (printf "autoscaling does not go with kind %s" $v.kind)) -}}
{{- end -}}
{{- with $v.autoscaling -}}
{{- if and .enabled (not .external) (not (or .targetCPUUtilizationPercentage .targetMemoryUtilizationPercentage .metrics)) -}}
{{- include "service.refuse" (list $ "autoscaling needs a target: CPU, memory or one of metrics") -}}
{{- end -}}
{{- end -}}
{{- range $moment, $action := $v.lifecycle -}}
{{- if and $action.sleep (ge (int (dig "sleep" "seconds" 0 $action)) (int $v.terminationGracePeriodSeconds)) -}}
{{- include "service.refuse" (list $ (printf "terminationGracePeriodSeconds (%v) must be longer than lifecycle.%s.sleep" $v.terminationGracePeriodSeconds $moment)) -}}
{{- end -}}
{{- end -}}
{{- $spread := list -}}
{{- range $v.topologySpread -}}
{{- $one := printf "%s, %s" .topologyKey .whenUnsatisfiable -}}
{{- if has $one $spread }}{{ include "service.refuse" (list $ (printf "topologySpread has %s twice" $one)) }}{{ end -}}
{{- $spread = append $spread $one -}}
{{- end -}}
{{- end }}

{{- define "service.validatePorts" -}}
{{- $v := .Values -}}
{{- $needs := list -}}
{{- if ne $v.exposure.api "none" }}{{ $needs = append $needs "exposure" }}{{ end -}}
{{- if $v.serviceMonitor.enabled }}{{ $needs = append $needs "serviceMonitor" }}{{ end -}}
{{- if $v.networkPolicy.ingressFrom }}{{ $needs = append $needs "networkPolicy.ingressFrom" }}{{ end -}}
{{- if $v.networkPolicy.peers }}{{ $needs = append $needs "networkPolicy.peers" }}{{ end -}}
{{- if $v.extraPorts }}{{ $needs = append $needs "extraPorts" }}{{ end -}}
{{- range $kind, $probe := $v.probes -}}
{{- if and (has $probe.type (list "tcp" "grpc")) (not $probe.port) }}{{ $needs = append $needs (printf "probes.%s" $kind) }}{{ end -}}
{{- end -}}
{{- if and $needs (not (include "service.port" .)) -}}
{{- include "service.refuse" (list $ (printf "%s needs a port, and this service has none (port 0, or kind %s)" (join ", " $needs) $v.kind)) -}}
{{- end -}}
{{- range $name, $port := $v.extraPorts -}}
{{- if or (eq $name "http") (gt (len $name) 15) -}}
{{- include "service.refuse" (list $ (printf "extraPorts.%s: a name has at most 15 characters, and http is the name of the service's own port" $name)) -}}
{{- end -}}
{{- if eq (int $port) (int $v.service.port) -}}
{{- include "service.refuse" (list $ (printf "extraPorts.%s and service.port are both %v" $name $port)) -}}
{{- end -}}
{{- end -}}
{{- if ne (len $v.extraPorts) (values $v.extraPorts | uniq | len) -}}
{{- include "service.refuse" (list $ "two of extraPorts are the same port") -}}
{{- end -}}
{{- if ne $v.serviceMonitor.port "http" -}}
{{- if not (hasKey $v.extraPorts $v.serviceMonitor.port) -}}
{{- include "service.refuse" (list $ (printf "serviceMonitor.port %s is not in extraPorts" $v.serviceMonitor.port)) -}}
{{- end -}}
{{- end -}}
{{- $hosts := list -}}
{{- range include "service.rules" . | fromJsonArray -}}
{{- if has .host $hosts }}{{ include "service.refuse" (list $ (printf "host %s is there twice in exposure; list its paths once" .host)) }}{{ end -}}
{{- $hosts = append $hosts .host -}}
{{- end -}}
{{- end }}

{{- define "service.validateVolumes" -}}
{{- $v := .Values -}}
{{- $names := list -}}
{{- range $item := include "service.volumes" . | fromYamlArray }}{{ $names = append $names $item.name }}{{ end -}}
{{- $names = concat $names (keys $v.statefulSet.claims) -}}
{{- if ne (len $names) (uniq $names | len) -}}
{{- include "service.refuse" (list $ (printf "two volumes have one name (%s)" (sortAlpha $names | join ", "))) -}}
{{- end -}}
{{- $own := list -}}
{{- range include "service.mounts" . | fromYamlArray }}{{ $own = append $own .mountPath }}{{ end -}}
{{- include "service.validatePaths" (list $ $own .Release.Name) -}}
{{- $containers := list .Release.Name -}}
{{- range concat $v.initContainers $v.containers -}}
{{- if has .name $containers }}{{ include "service.refuse" (list $ (printf "two containers are named %s" .name)) }}{{ end -}}
{{- $containers = append $containers .name -}}
{{- range $volume, $_ := .mounts -}}
{{- if not (has $volume $names) -}}
{{- include "service.refuse" (list $ (printf "a container mounts the volume %s, which is none of %s" $volume (sortAlpha $names | join ", "))) -}}
{{- end -}}
{{- end -}}
{{- include "service.validatePaths" (list $ (concat (values (.mounts | default dict)) (ternary $own list (.likeService | default false))) .name) -}}
{{- end -}}
{{- end }}

{{- define "service.validatePaths" -}}
{{- $paths := index . 1 -}}
{{- if ne (len $paths) (uniq $paths | len) -}}
{{- include "service.refuse" (list (index . 0) (printf "container %s has two volumes at one path (%s)" (index . 2) (sortAlpha $paths | join ", "))) -}}
{{- end -}}
{{- end }}

{{- define "service.validateLabels" -}}
{{- $set := include "service.labels" . | fromYaml -}}
{{- range $where, $labels := dict "podLabels" .Values.podLabels "service.labels" .Values.service.labels "serviceMonitor.labels" .Values.serviceMonitor.labels -}}
{{- range $key, $_ := $labels -}}
{{- if or (hasKey $set $key) (hasPrefix "todo.cloud/" $key) (hasPrefix "dapr.io/" $key) -}}
{{- include "service.refuse" (list $ (printf "the chart sets the label %s; take it out of %s" $key $where)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "service.validateResources" -}}
{{- $resources := index . 2 -}}
{{- $name := index . 1 -}}
{{- $root := index . 0 -}}
{{- range $kind, $limit := $resources.limits -}}
{{- $request := get $resources.requests $kind -}}
{{- if gt (include "service.amount" $request | float64) (include "service.amount" $limit | float64) -}}
{{- include "service.refuse" (list $root (printf "container %s requests more %s (%s) than its limit (%s)" $name $kind $request $limit)) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* A quantity as a number. */}}
{{- define "service.amount" -}}
{{- $units := dict "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := regexFind "[A-Za-z]*$" . -}}
{{- mulf (trimSuffix $unit . | float64) (get $units $unit | default 1) -}}
{{- end }}
