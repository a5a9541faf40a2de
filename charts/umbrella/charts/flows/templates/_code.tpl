{{/*
Where the flows' code is. From git: PYTHONPATH puts it before what the image has, PYTHONSAFEPATH keeps the working directory
(/app, the image's code) from coming first, and nothing is compiled into a folder that cannot be written.
*/}}
{{- define "flows.env.code" -}}
{{- if .Values.git.repo }}
- {name: VIGIA_FLOWS_HOME, value: /git/current}
- {name: PYTHONPATH, value: /git/current}
- {name: PYTHONSAFEPATH, value: "1"}
- {name: PYTHONDONTWRITEBYTECODE, value: "1"}
{{- else }}
- {name: VIGIA_FLOWS_HOME, value: /app}
{{- end }}
{{- end }}

{{- define "flows.mount.code" -}}
{{- if .Values.git.repo }}
- {name: git, mountPath: /git, readOnly: true}
{{- end }}
{{- end }}

{{/*
A sidecar that starts before the others and ends after them: they begin when the code is there. It lays every commit into
a folder of its own and then moves /git/current. A training that runs keeps the folder that it began with for six hours.
*/}}
{{- define "flows.gitSync" -}}
- name: git-sync
  image: {{ .Values.git.image }}
  restartPolicy: Always
  {{- include "vigia.container" . | nindent 2 }}
  env:
    - {name: HOME, value: /tmp}
    - {name: GITSYNC_REPO, value: {{ .Values.git.repo | quote }}}
    - {name: GITSYNC_REF, value: {{ .Values.git.ref | quote }}}
    - {name: GITSYNC_ROOT, value: /git}
    - {name: GITSYNC_LINK, value: current}
    - {name: GITSYNC_DEPTH, value: "1"}
    - {name: GITSYNC_PERIOD, value: "{{ .Values.git.periodSeconds }}s"}
    - {name: GITSYNC_STALE_WORKTREE_TIMEOUT, value: 6h}
    - {name: GITSYNC_HTTP_BIND, value: ":1234"}
    {{- with .Values.git.secret }}
    {{- include "vigia.env.fromSecret" (list "GITSYNC_USERNAME" . "GIT_USERNAME") | nindent 4 }}
    - {name: GITSYNC_PASSWORD_FILE, value: /etc/git-secret/GIT_PASSWORD}
    {{- end }}
  # Answers 200 once there is something to run.
  startupProbe:
    httpGet: {path: /, port: 1234}
    periodSeconds: 2
    failureThreshold: 150
  resources: {{- toYaml .Values.git.resources | nindent 4 }}
  volumeMounts:
    - {name: git, mountPath: /git}
    - {name: tmp-git-sync, mountPath: /tmp}
    {{- if .Values.git.secret }}
    - {name: git-secret, mountPath: /etc/git-secret, readOnly: true}
    {{- end }}
{{- end }}
