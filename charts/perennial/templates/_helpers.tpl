{{- define "perennial.labels" -}}
app.kubernetes.io/name: perennial
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: perennial
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "perennial.selector" -}}
app.kubernetes.io/name: perennial
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "perennial.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (ternary .Release.Name "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "perennial.subjects" -}}
- {kind: ServiceAccount, name: {{ include "perennial.serviceAccount" . }}, namespace: {{ .Release.Namespace }}}
{{- end }}

{{- define "perennial.storeSecret" -}}
{{ .Values.store.existingSecret | default (ternary (printf "%s-store" .Release.Name) "" .Values.store.embedded.enabled) }}
{{- end }}

{{/* image: (dict "root" . "image" .Values.part.image); a digest beats a tag. */}}
{{- define "perennial.image" -}}
{{- with .root.Values.global.imageRegistry }}{{ . }}/{{ end }}{{ .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end }}

{{/* Who a pod runs as; empty where the cluster gives each namespace ids of its own, as OpenShift. */}}
{{- define "perennial.podUser" -}}
{{- if not (.Capabilities.APIVersions.Has "security.openshift.io/v1") }}{{ .Values.global.podUser }}{{ end }}
{{- end }}

{{- define "perennial.podSecurity" -}}
runAsNonRoot: true
{{- with include "perennial.podUser" . }}
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "perennial.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* What it takes to hand the default store's Secret to a namespace. */}}
{{- define "perennial.storeRules" -}}
{{- with include "perennial.storeSecret" . }}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ . | quote }}]
  verbs: [update]
{{- end }}
{{- end }}

{{/* What the operator may do in a namespace that it watches. */}}
{{- define "perennial.rules" -}}
- apiGroups: [perennial.dev]
  resources: [modeltrainings, modelversions, modeldeployments, driftmonitors]
  verbs: [get, list, watch]
- apiGroups: [perennial.dev]
  resources: [modeltrainings/status, modelversions/status, modeldeployments/status, driftmonitors/status]
  verbs: [patch]
# To own what blocks an owner's deletion, one must be allowed to set the owner's finalizers.
- apiGroups: [perennial.dev]
  resources: [modeltrainings/finalizers, modeldeployments/finalizers, driftmonitors/finalizers]
  verbs: [update]
- apiGroups: [batch]
  resources: [jobs/finalizers]
  verbs: [update]
- apiGroups: [perennial.dev]
  resources: [modelversions]
  verbs: [create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
# What divides requests, where spec.traffic names a Gateway; a cluster may do without the kinds.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.envoyproxy.io]
  resources: [backendtrafficpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# A run's becomes its Job's; to change an owner, one must be allowed to delete what it owns.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, patch, delete]
# The keys of receipts, which it never reads, and copies of the default store's Secret.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
{{- with include "perennial.storeSecret" . }}
# Copies of the default store's Secret are looked at, and taken back.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ . | quote }}]
  verbs: [get, list, delete]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, get, list, patch]
{{- end }}
