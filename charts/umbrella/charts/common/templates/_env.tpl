{{/* Blocks of environment. Whatever is secret comes from a Secret that was there before: the chart makes none. */}}

{{- define "vigia.env.fromSecret" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 }}
      key: {{ index . 2 }}
{{- if gt (len .) 3 }}
      optional: true
{{- end }}
{{- end }}

{{/* What every process of ours gets. HOME: libraries that keep something there may, in /tmp. */}}
{{- define "vigia.env" -}}
- {name: HOME, value: /tmp}
- {name: PYTHONUNBUFFERED, value: "1"}
- {name: VIGIA_STATE_DIR, value: /var/lib/vigia}
{{- end }}

{{/* For those who trace. Who begins a trace decides whether it is kept; everybody after it follows. */}}
{{- define "vigia.env.tracing" -}}
{{- with .Values.global.tracing.endpoint }}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }}}
- {name: OTEL_TRACES_SAMPLER, value: parentbased_traceidratio}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ $.Values.global.tracing.share | quote }}}
{{- end }}
{{- end }}

{{/* Settings without a value of their own in this chart: `env` of the sub-chart, NAME: value. */}}
{{- define "vigia.env.more" -}}
{{- range $name, $value := .Values.env }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "vigia.env.kafka" -}}
{{- $kafka := .Values.global.kafka -}}
{{- $protocol := include "vigia.kafka.protocol" . -}}
- {name: KAFKA_BOOTSTRAP_SERVERS, value: {{ include "vigia.kafka.servers" . | quote }}}
- {name: KAFKA_SECURITY_PROTOCOL, value: {{ $protocol }}}
{{- if hasPrefix "SASL" $protocol }}
- {name: KAFKA_SASL_MECHANISM, value: {{ include "vigia.kafka.mechanism" . }}}
{{ include "vigia.env.fromSecret" (list "KAFKA_SASL_USERNAME" $kafka.secret "KAFKA_SASL_USERNAME") }}
{{ include "vigia.env.fromSecret" (list "KAFKA_SASL_PASSWORD" $kafka.secret "KAFKA_SASL_PASSWORD") }}
{{- end }}
{{- if include "vigia.kafka.ca" . }}
- {name: KAFKA_SSL_CA_LOCATION, value: /etc/kafka-ca/ca.crt}
{{- end }}
- {name: KAFKA_TOPIC_PARTITIONS, value: {{ $kafka.topics.partitions | quote }}}
- {name: KAFKA_TOPIC_REPLICATION, value: {{ $kafka.topics.replication | quote }}}
- {name: KAFKA_TOPIC_RETENTION_DAYS, value: {{ $kafka.topics.retentionDays | quote }}}
{{- end }}

{{- define "vigia.kafka.mount" -}}
{{- if include "vigia.kafka.ca" . }}
- {name: kafka-ca, mountPath: /etc/kafka-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "vigia.kafka.volume" -}}
{{- with include "vigia.kafka.ca" . }}
- name: kafka-ca
  secret:
    secretName: {{ . }}
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end }}

{{- define "vigia.env.neo4j" -}}
- {name: NEO4J_URI, value: {{ include "vigia.neo4j.uri" . | quote }}}
- {name: NEO4J_USER, value: {{ .Values.global.neo4j.user | quote }}}
{{ include "vigia.env.fromSecret" (list "NEO4J_PASSWORD" .Values.global.neo4j.secret "NEO4J_PASSWORD") }}
{{- end }}

{{/*
A database's address, composed by Kubernetes from the secret's two keys, so that no template sees a password:
{{ include "vigia.env.database" (list . "raw" "RAW_DATABASE_URL" "postgresql" "raw" "sslmode") }}
The last three: the driver's scheme, the database, and what the driver calls the TLS setting.
*/}}
{{- define "vigia.env.database" -}}
{{- $root := index . 0 -}}
{{- $server := index . 1 -}}
{{- $postgres := index $root.Values.global.postgres $server -}}
{{- $user := printf "%s_POSTGRES_USER" (upper $server) -}}
{{- $password := printf "%s_POSTGRES_PASSWORD" (upper $server) -}}
{{ include "vigia.env.fromSecret" (list $user $postgres.secret "POSTGRES_USER") }}
{{ include "vigia.env.fromSecret" (list $password $postgres.secret "POSTGRES_PASSWORD") }}
- name: {{ index . 2 }}
  value: {{ printf "%s://$(%s):$(%s)@%s/%s?%s=%s" (index . 3) $user $password (include "vigia.postgres.at" (list $root $server)) (index . 4) (index . 5) $postgres.sslmode | quote }}
{{- end }}

{{- define "vigia.env.raw" -}}
{{ include "vigia.env.database" (list . "raw" "RAW_DATABASE_URL" "postgresql" .Values.global.postgres.raw.database "sslmode") }}
{{- end }}

{{- define "vigia.env.metadata" -}}
{{ include "vigia.env.database" (list . "metadata" "METADATA_DATABASE_URL" "postgresql" .Values.global.postgres.metadata.database "sslmode") }}
{{- end }}

{{/* Bundles come through MLflow's server, so whoever serves models needs no key of the object storage. */}}
{{- define "vigia.env.registry" -}}
- {name: MLFLOW_TRACKING_URI, value: "http://mlflow:5000"}
- {name: MODEL_STAGE, value: {{ .Values.global.modelStage | quote }}}
{{- end }}

{{- define "vigia.env.prefect" -}}
- {name: PREFECT_API_URL, value: "http://prefect:4200/api"}
- {name: PREFECT_HOME, value: /tmp/prefect}
- {name: PREFECT_LOGGING_COLORS, value: "false"}
- {name: PREFECT_SERVER_ANALYTICS_ENABLED, value: "false"}
- {name: DO_NOT_TRACK, value: "1"}
{{- end }}
