{{- define "vigia.env.of.score" -}}
{{ include "vigia.env.registry" . }}
{{- end }}
