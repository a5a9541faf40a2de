{{/*
KEDA adds workers while messages wait. Never more than the partitions of the topics that the group reads: one more would
get none. Never fewer than one: starting from nothing would cost the first declarations half a minute.
*/}}
{{- define "vigia.autoscaling" -}}
{{- $role := include "vigia.component" . -}}
{{- $kafka := .Values.global.kafka -}}
{{- $protocol := include "vigia.kafka.protocol" . -}}
{{- $ca := include "vigia.kafka.ca" . -}}
{{- $authenticated := or (hasPrefix "SASL" $protocol) (ne $ca "") -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {{- include "vigia.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: StatefulSet
    name: {{ $role }}
  pollingInterval: 15
  minReplicaCount: 1
  maxReplicaCount: {{ mul $kafka.topics.partitions (len .Values.autoscaling.topics) }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        # Every change moves partitions: up at once, down one at a time and when it has been quiet.
        scaleDown:
          stabilizationWindowSeconds: 600
          policies:
            - {type: Pods, value: 1, periodSeconds: 120}
  triggers:
    - type: apache-kafka
      metadata:
        bootstrapServers: {{ include "vigia.kafka.qualified" . | quote }}
        consumerGroup: vigia-{{ $role }}
        topic: {{ join "," .Values.autoscaling.topics }}
        lagThreshold: {{ .Values.autoscaling.lagThreshold | quote }}
        # What the workers do when the group has no offset yet.
        offsetResetPolicy: earliest
        {{- if hasPrefix "SASL" $protocol }}
        sasl: {{ get (dict "PLAIN" "plaintext" "SCRAM-SHA-256" "scram_sha256" "SCRAM-SHA-512" "scram_sha512") (include "vigia.kafka.mechanism" .) }}
        {{- end }}
        {{- if hasSuffix "SSL" $protocol }}
        tls: enable
        {{- end }}
      {{- if $authenticated }}
      authenticationRef:
        name: {{ $role }}
      {{- end }}
{{- if $authenticated }}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {{- include "vigia.metadata" . | nindent 2 }}
spec:
  secretTargetRef:
    {{- if hasPrefix "SASL" $protocol }}
    - {parameter: username, name: {{ $kafka.secret }}, key: KAFKA_SASL_USERNAME}
    - {parameter: password, name: {{ $kafka.secret }}, key: KAFKA_SASL_PASSWORD}
    {{- end }}
    {{- with $ca }}
    - {parameter: ca, name: {{ . }}, key: ca.crt}
    {{- end }}
{{- end }}
{{- end }}

{{/* KEDA lives in another namespace, where the brokers' short names lead nowhere. */}}
{{- define "vigia.kafka.qualified" -}}
{{- $servers := include "vigia.kafka.servers" . -}}
{{- if eq .Values.global.kafka.mode "external" -}}
{{- $servers -}}
{{- else -}}
{{- $parts := splitList ":" $servers -}}
{{- printf "%s.%s.svc:%s" (index $parts 0) .Release.Namespace (index $parts 1) -}}
{{- end -}}
{{- end }}
