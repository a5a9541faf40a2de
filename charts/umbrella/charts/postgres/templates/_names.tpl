{{/* Which of the two this is: raw or metadata. */}}
{{- define "postgres.which" -}}
{{- trimPrefix "postgres-" .Chart.Name -}}
{{- end }}
