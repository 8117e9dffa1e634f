{{- define "mosquitto.name" -}}
{{- printf "%s-mosquitto" (.Release.Name | trunc 50 | trimSuffix "-") -}}
{{- end -}}

{{- define "mosquitto.selector" -}}
app.kubernetes.io/name: mosquitto
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "mosquitto.labels" -}}
{{ include "mosquitto.selector" . }}
app: mosquitto
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: titan-aas
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "mosquitto.secret" -}}
{{- default (include "mosquitto.name" .) .Values.auth.existingSecret -}}
{{- end -}}
