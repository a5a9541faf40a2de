{{- define "vigia.monitoring.head" -}}
name: {{ .name }}
namespace: {{ .Release.Namespace }}
labels: {{- include "vigia.labels" . | nindent 2 }}
{{- with .Values.monitoring.operator.labels }}
{{ toYaml . | indent 2 }}
{{- end }}
annotations:
  argocd.argoproj.io/sync-wave: "2"
{{- end }}

{{- define "vigia.monitoring.relabel" -}}
- {targetLabel: job, replacement: vigia}
- {sourceLabels: [{{ . }}], targetLabel: service}
{{- end }}

{{/* Where the trial's Prometheus scrapes: every worker by its own name, as many as the values say. */}}
{{- define "vigia.monitoring.targets" -}}
{{- range $worker := list "score" "graph" "archive" }}
- targets:
    {{- range $number := until (int (index $.Values $worker).replicas) }}
    - {{ $worker }}-{{ $number }}.{{ $worker }}:6066
    {{- end }}
  labels: {service: {{ $worker }}}
{{- end }}
- targets: [api:8000]
  labels: {service: api}
- targets: [ui:8501]
  labels: {service: ui, __metrics_path__: /_stcore/metrics}
- targets: [flows:6069]
  labels: {service: flows}
- targets: [prefect:4200]
  labels: {service: prefect, __metrics_path__: /api/metrics}
{{- if eq .Values.global.kafka.mode "trial" }}
- targets: [kafka:7071]
  labels: {service: kafka}
{{- end }}
{{- if .Values.source.enabled }}
- targets: [source:8010]
  labels: {service: source}
{{- end }}
- targets: [localhost:9090]
  labels: {service: prometheus}
- targets: [alertmanager:9093]
  labels: {service: alertmanager}
{{- end }}

{{/* A trial's server of one pod, which keeps what it has as long as the pod lives. */}}
{{- define "vigia.monitoring.deployment" -}}
metadata: {{- include "vigia.metadata" . | nindent 2 }}
spec:
  replicas: 1
  strategy:
    type: Recreate
  selector:
    matchLabels: {{- include "vigia.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "vigia.selector" . | nindent 8 }}
        app.kubernetes.io/part-of: vigia
      {{- with .checksum }}
      annotations:
        checksum/configuration: {{ . }}
      {{- end }}
    spec: {{- include "vigia.pod" . | nindent 6 }}
{{- end }}

{{- define "vigia.monitoring.probes" -}}
startupProbe:
  httpGet: {path: {{ . }}, port: http}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: {{ . }}, port: http}
  periodSeconds: 20
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: {{ . }}, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
{{- end }}
