{{- define "postgresql.name" -}}
{{- printf "%s-postgresql" (.Release.Name | trunc 50 | trimSuffix "-") -}}
{{- end -}}

{{- define "postgresql.selector" -}}
app.kubernetes.io/name: postgresql
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "postgresql.labels" -}}
{{ include "postgresql.selector" . }}
app: postgresql
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: titan-aas
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "postgresql.secret" -}}
{{- default (include "postgresql.name" .) .Values.auth.existingSecret -}}
{{- end -}}
