{{- define "mlflow.env.s3" -}}
- {name: HOME, value: /tmp}
- {name: MLFLOW_S3_ENDPOINT_URL, value: {{ include "vigia.s3.endpoint" . | quote }}}
{{ include "vigia.env.fromSecret" (list "AWS_ACCESS_KEY_ID" .Values.global.s3.secret "AWS_ACCESS_KEY_ID") }}
{{ include "vigia.env.fromSecret" (list "AWS_SECRET_ACCESS_KEY" .Values.global.s3.secret "AWS_SECRET_ACCESS_KEY") }}
{{- end }}
