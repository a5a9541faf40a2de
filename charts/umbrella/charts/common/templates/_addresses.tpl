{{/* Where the servers are. It follows from their mode, so that changing the mode is one line. */}}

{{- define "vigia.kafka.servers" -}}
{{- $kafka := .Values.global.kafka -}}
{{- if eq $kafka.mode "trial" -}}
kafka:9092
{{- else if eq $kafka.mode "strimzi" -}}
kafka-kafka-bootstrap:9093
{{- else -}}
{{- required "global.kafka.bootstrapServers: where is the Kafka that is external?" $kafka.bootstrapServers -}}
{{- end -}}
{{- end }}

{{/* What Strimzi builds is always spoken to over TLS with a password; a trial never. */}}
{{- define "vigia.kafka.protocol" -}}
{{- $kafka := .Values.global.kafka -}}
{{- if eq $kafka.mode "trial" -}}
PLAINTEXT
{{- else if eq $kafka.mode "strimzi" -}}
SASL_SSL
{{- else -}}
{{- $kafka.securityProtocol -}}
{{- end -}}
{{- end }}

{{- define "vigia.kafka.mechanism" -}}
{{- ternary "SCRAM-SHA-512" .Values.global.kafka.saslMechanism (eq .Values.global.kafka.mode "strimzi") -}}
{{- end }}

{{/* The secret with the broker's CA under `ca.crt`; empty: the system's. */}}
{{- define "vigia.kafka.ca" -}}
{{- $protocol := include "vigia.kafka.protocol" . -}}
{{- if hasSuffix "SSL" $protocol -}}
{{- ternary "kafka-cluster-ca-cert" .Values.global.kafka.caSecret (eq .Values.global.kafka.mode "strimzi") -}}
{{- end -}}
{{- end }}

{{- define "vigia.neo4j.uri" -}}
{{- $neo4j := .Values.global.neo4j -}}
{{- if eq $neo4j.mode "trial" -}}
bolt://neo4j:7687
{{- else -}}
{{- required "global.neo4j.uri: where is the Neo4j that is external?" $neo4j.uri -}}
{{- end -}}
{{- end }}

{{/* host:port of a database: {{ include "vigia.postgres.at" (list . "raw") }} */}}
{{- define "vigia.postgres.at" -}}
{{- $name := index . 1 -}}
{{- $postgres := index (index . 0).Values.global.postgres $name -}}
{{- if eq $postgres.mode "trial" -}}
{{- printf "postgres-%s:5432" $name -}}
{{- else if eq $postgres.mode "cnpg" -}}
{{- printf "postgres-%s-rw:5432" $name -}}
{{- else -}}
{{- printf "%s:%d" (required (printf "global.postgres.%s.host: where is the database that is external?" $name) $postgres.host) (int $postgres.port) -}}
{{- end -}}
{{- end }}

{{- define "vigia.s3.endpoint" -}}
{{- $s3 := .Values.global.s3 -}}
{{- if eq $s3.mode "trial" -}}
http://minio:9000
{{- else -}}
{{- required "global.s3.endpoint: where is the object storage that is external?" $s3.endpoint -}}
{{- end -}}
{{- end }}
