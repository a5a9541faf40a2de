{{- define "vigia.env.of.graph" -}}
{{ include "vigia.env.neo4j" . }}
{{- end }}
