{{/* Pod Security "restricted", in the places where Strimzi takes it. */}}
{{- define "kafka.pod" -}}
pod:
  securityContext:
    runAsNonRoot: true
    seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "kafka.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
{{- end }}
