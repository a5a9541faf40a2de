{{/*
What a component is called. A sub-chart's name (or alias) is its component's; the umbrella's own templates pass
`component` instead. Names carry no release in front: they are the ones that compose uses, and one namespace holds one Vigía.
*/}}
{{- define "vigia.component" -}}
{{- .component | default .Chart.Name -}}
{{- end }}

{{- define "vigia.selector" -}}
app.kubernetes.io/name: vigia
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ include "vigia.component" . }}
{{- end }}

{{- define "vigia.labels" -}}
{{ include "vigia.selector" . }}
app.kubernetes.io/part-of: vigia
app.kubernetes.io/version: {{ .Values.global.sha | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The head of an object: pass `wave` (Argo CD's order; Helm has its own) through `vigia.at`. */}}
{{- define "vigia.metadata" -}}
name: {{ .name | default (include "vigia.component" .) }}
namespace: {{ .Release.Namespace }}
labels: {{- include "vigia.labels" . | nindent 2 }}
{{- with .wave }}
annotations:
  argocd.argoproj.io/sync-wave: {{ . | quote }}
{{- end }}
{{- end }}

{{/* An image of ours, at the commit that is deployed: {{ include "vigia.image" (list . "stream") }} */}}
{{- define "vigia.image" -}}
{{- $global := (index . 0).Values.global -}}
{{- printf "%s/vigia-%s:%s" $global.registry (index . 1) $global.sha -}}
{{- end }}

{{- define "vigia.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "vigia.component" . }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "vigia.labels" . | nindent 4 }}
# Nothing of ours speaks to Kubernetes.
automountServiceAccountToken: false
{{- end }}
