{{/*
What every pod has: who it is, and Pod Security "restricted". `uid` is the image's own where it is not one of ours.
Service links are off because they are wrong here, not for tidiness: Kubernetes would set API_PORT=tcp://… for a Service
named `api`, and our processes would read it as a setting.
*/}}
{{- define "vigia.pod" -}}
serviceAccountName: {{ include "vigia.component" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid | default 10001 }}
  runAsGroup: {{ .uid | default 10001 }}
  fsGroup: {{ .uid | default 10001 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.global.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.global.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What every container has. */}}
{{- define "vigia.container" -}}
imagePullPolicy: IfNotPresent
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Pods of one component on different nodes and zones where there are any; never a reason not to run. */}}
{{- define "vigia.spread" -}}
topologySpreadConstraints:
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "vigia.selector" $ | nindent 8 }}
{{- end }}
{{- end }}

{{/* The only places where our processes write. */}}
{{- define "vigia.tmp" -}}
- name: {{ .name | default "tmp" }}
  emptyDir:
    sizeLimit: {{ .size | default "256Mi" }}
{{- end }}

{{- define "vigia.state" -}}
- name: state
  emptyDir:
    sizeLimit: 1Gi
{{- end }}

{{- define "vigia.mounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: state, mountPath: /var/lib/vigia}
{{- end }}

{{- define "vigia.service" -}}
apiVersion: v1
kind: Service
metadata: {{- include "vigia.metadata" . | nindent 2 }}
spec:
  selector: {{- include "vigia.selector" . | nindent 4 }}
  ports:
{{- range $name, $port := .ports }}
    - {name: {{ $name }}, port: {{ $port }}, targetPort: {{ $name }}}
{{- end }}
{{- end }}

{{- define "vigia.disruption" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "vigia.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  # A pod that waits (for a model, for a server) is no reason to keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "vigia.selector" . | nindent 6 }}
{{- end }}

{{- define "vigia.route" -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{- include "vigia.metadata" . | nindent 2 }}
spec:
  parentRefs:
    - name: {{ .Values.global.gateway.name }}
      namespace: {{ .Values.global.gateway.namespace }}
  hostnames:
    - {{ .Values.route.hostname | quote }}
  rules:
    - backendRefs:
        - name: {{ include "vigia.component" . }}
          port: {{ .port }}
{{- end }}
