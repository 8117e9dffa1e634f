{{- define "redis.name" -}}
{{- printf "%s-redis" (.Release.Name | trunc 50 | trimSuffix "-") -}}
{{- end -}}

{{- define "redis.selector" -}}
app.kubernetes.io/name: redis
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "redis.labels" -}}
{{ include "redis.selector" . }}
app: redis
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: titan-aas
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "redis.secret" -}}
{{- default (include "redis.name" .) .Values.auth.existingSecret -}}
{{- end -}}
