{{/*
score, graph and archive: one StatefulSet each.

A StatefulSet, although nothing here has to be kept: the pod's name is the worker's id. With it the worker is a static member of its
consumer group (one that is back within its session's 15 seconds has its partitions again with no rebalance), and it fences the
transaction of a predecessor that is not quite dead, so that a declaration never gets two verdicts. A Deployment would give every pod a new name.
*/}}
{{- define "vigia.worker" -}}
{{- $at := merge (dict "wave" "3") . -}}
{{- $role := include "vigia.component" . -}}
{{ include "vigia.serviceAccount" . }}
---
# Without an address of its own: names lead to the single workers. Also to those that are not ready, because the API
# asks them what they are waiting for.
apiVersion: v1
kind: Service
metadata: {{- include "vigia.metadata" $at | nindent 2 }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {{- include "vigia.selector" . | nindent 4 }}
  ports:
    - {name: http, port: 6066, targetPort: http}
---
{{ include "vigia.disruption" $at }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{- include "vigia.metadata" $at | nindent 2 }}
spec:
  serviceName: {{ $role }}
{{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicas }}
{{- end }}
  # Workers know nothing of each other: none waits for the one before it.
  podManagementPolicy: Parallel
  updateStrategy:
    type: RollingUpdate
{{- if .Values.persistence.enabled }}
  # Only copies are kept there: of models, which the registry has.
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Delete}
{{- end }}
  selector:
    matchLabels: {{- include "vigia.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "vigia.selector" . | nindent 8 }}
        app.kubernetes.io/part-of: vigia
    spec: {{- include "vigia.pod" . | nindent 6 }}
      # A batch under way is committed or given up within 30 s, a transaction lives for 60 s.
      terminationGracePeriodSeconds: 90
      {{- include "vigia.spread" . | nindent 6 }}
      containers:
        - name: {{ $role }}
          image: {{ include "vigia.image" (list . "stream") }}
          {{- include "vigia.container" . | nindent 10 }}
          command: [python, -m, stream, {{ $role }}]
          ports:
            - {name: http, containerPort: 6066}
          env:
            - name: WORKER_ID
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
            - {name: WEB_BIND, value: 0.0.0.0}
            - {name: WEB_PORT, value: "6066"}
            {{- include "vigia.env" . | nindent 12 }}
            {{- include "vigia.env.tracing" . | nindent 12 }}
            {{- include "vigia.env.kafka" . | nindent 12 }}
            {{- include (printf "vigia.env.of.%s" $role) . | nindent 12 }}
            {{- include "vigia.env.more" . | nindent 12 }}
          # Alive as long as it answers: a worker that waits for a model, a broker or a database is not helped by a restart.
          startupProbe:
            httpGet: {path: /livez, port: http}
            periodSeconds: 2
            failureThreshold: 60
          livenessProbe:
            httpGet: {path: /livez, port: http}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          readinessProbe:
            httpGet: {path: /readyz, port: http}
            periodSeconds: 5
            timeoutSeconds: 5
          resources: {{- toYaml .Values.resources | nindent 12 }}
          volumeMounts:
            {{- include "vigia.mounts" . | nindent 12 }}
            {{- include "vigia.kafka.mount" . | nindent 12 }}
      volumes:
        {{- include "vigia.tmp" (dict) | nindent 8 }}
        {{- include "vigia.kafka.volume" . | nindent 8 }}
        {{- if not .Values.persistence.enabled }}
        {{- include "vigia.state" . | nindent 8 }}
        {{- end }}
{{- if .Values.persistence.enabled }}
  volumeClaimTemplates:
    {{- include "vigia.claim" (dict "name" "state" "storage" .Values.persistence) | nindent 4 }}
{{- end }}
{{- if .Values.autoscaling.enabled }}
---
{{ include "vigia.autoscaling" $at }}
{{- end }}
{{- end }}

{{/* apiVersion and kind are said, as Kubernetes fills them in and Argo CD would see a difference. */}}
{{- define "vigia.claim" -}}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: {{ .name }}
  spec:
    accessModes: [ReadWriteOnce]
    volumeMode: Filesystem
    {{- with .storage.storageClass }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ .storage.size }}
{{- end }}
