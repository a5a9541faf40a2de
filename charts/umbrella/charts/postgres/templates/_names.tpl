{{/* Which of the two this is: raw or metadata. */}}
{{- define "postgres.which" -}}
{{- trimPrefix "postgres-" .Chart.Name -}}
{{- end }}

{{/* What makes the databases besides the one in global.postgres; compose runs the same file. Empty for raw, which has no other. */}}
{{- define "postgres.sql" -}}
{{- .Files.Get (printf "%s.sql" (include "postgres.which" .)) -}}
{{- end }}
