{{- define "vigia.env.of.archive" -}}
{{ include "vigia.env.raw" . }}
{{- end }}
