{{/*
Who may speak to whom, and nobody else. One line a server: its port, and its clients by component. Both directions
are made of it, as a connection has to be allowed where it leaves and where it arrives.
*/}}
{{- define "vigia.network.pairs" -}}
{{- $kafkaClients := list "score" "graph" "archive" "api" "probe" "simulate" -}}
kafka: {ports: [{{ include "vigia.network.kafkaPort" . }}], clients: {{ toJson $kafkaClients }}}
neo4j: {ports: [{{ include "vigia.network.port" (list (include "vigia.neo4j.uri" .) 7687) }}], clients: [graph, api]}
postgres-raw: {ports: [{{ include "vigia.network.port" (list (include "vigia.postgres.at" (list . "raw")) 5432) }}], clients: [archive, api, flows, migrations]}
postgres-metadata: {ports: [{{ include "vigia.network.port" (list (include "vigia.postgres.at" (list . "metadata")) 5432) }}], clients: [api, flows, migrations, mlflow, prefect]}
minio: {ports: [{{ include "vigia.network.port" (list (include "vigia.s3.endpoint" .) 443) }}], clients: [mlflow]}
mlflow: {ports: [5000], clients: [score, api, flows, models]}
prefect: {ports: [4200], clients: [flows, models, api]}
score: {ports: [6066], clients: [api]}
graph: {ports: [6066], clients: [api]}
archive: {ports: [6066], clients: [api]}
api: {ports: [8000], clients: [ui, probe]}
{{- if .Values.source.enabled }}
source: {ports: [8010], clients: [flows]}
{{- end }}
{{- if .Values.monitoring.trial.enabled }}
prometheus: {ports: [9090], clients: [grafana]}
alertmanager: {ports: [9093], clients: [prometheus]}
# Traces arrive at one port, and are looked at on the other.
jaeger: {ports: [4318, 16686], clients: [score, graph, archive, api, probe, simulate, grafana]}
{{- end }}
{{- end }}

{{/* Where each component tells its metrics. */}}
{{- define "vigia.network.metrics" -}}
score: 6066
graph: 6066
archive: 6066
api: 8000
ui: 8501
flows: 6069
prefect: 4200
{{- if ne .Values.global.kafka.mode "external" }}
kafka: {{ ternary 9404 7071 (eq .Values.global.kafka.mode "strimzi") }}
{{- end }}
{{- if .Values.source.enabled }}
source: 8010
{{- end }}
{{- range list "raw" "metadata" }}
{{- if eq (index $.Values.global.postgres .).mode "cnpg" }}
postgres-{{ . }}: 9187
{{- end }}
{{- end }}
{{- if .Values.monitoring.trial.enabled }}
alertmanager: 9093
{{- end }}
{{- end }}

{{/* The port of an address, and the usual one where it names none: {{ include "vigia.network.port" (list "https://s3.example.org" 443) }} */}}
{{- define "vigia.network.port" -}}
{{- $address := index . 0 -}}
{{- $host := regexReplaceAll "/.*$" (regexReplaceAll "^[a-z0-9+]+://" $address "") "" -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $host) | default (ternary 80 (index . 1) (hasPrefix "http://" $address)) -}}
{{- end }}

{{/* The port of the first broker; the others of a cluster have the same. */}}
{{- define "vigia.network.kafkaPort" -}}
{{- include "vigia.network.port" (list (splitList "," (include "vigia.kafka.servers" .) | first) 9092) -}}
{{- end }}

{{/* trial, external, or the operator that builds a server; everything else of ours is simply here. */}}
{{- define "vigia.network.mode" -}}
{{- $global := (index . 0).Values.global -}}
{{- $modes := dict "kafka" $global.kafka.mode "neo4j" $global.neo4j.mode "postgres-raw" $global.postgres.raw.mode "postgres-metadata" $global.postgres.metadata.mode "minio" $global.s3.mode -}}
{{- get $modes (index . 1) | default "here" -}}
{{- end }}

{{/* The labels of a server's pods, which are the operator's where it makes them. */}}
{{- define "vigia.network.pods" -}}
{{- $mode := include "vigia.network.mode" . -}}
{{- if eq $mode "strimzi" -}}
strimzi.io/cluster: kafka
{{- else if eq $mode "cnpg" -}}
cnpg.io/cluster: {{ index . 1 }}
{{- else -}}
app.kubernetes.io/name: vigia
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}
{{- end }}

{{- define "vigia.network.head" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels:
    app.kubernetes.io/name: vigia
    app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
    app.kubernetes.io/component: network
    app.kubernetes.io/part-of: vigia
    app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
{{- end }}

{{- define "vigia.network.namespace" -}}
namespaceSelector:
  matchLabels:
    kubernetes.io/metadata.name: {{ . }}
{{- end }}
