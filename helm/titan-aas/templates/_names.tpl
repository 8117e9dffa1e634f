{{/* What objects are called and by which labels they are found. Room is left for suffixes: a CronJob has 52 characters. */}}

{{- define "titan.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{- define "titan.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" -}}
{{- else if contains (include "titan.name" .) .Release.Name -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "titan.name" .) | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "titan.selector" -}}
app.kubernetes.io/name: titan-aas
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "titan.labels" -}}
{{ include "titan.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: titan-aas
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "titan.image" -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}

{{- define "titan.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "titan.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* An object of a server that comes with the release: dict "root" . "of" "postgresql". As its own chart names it. */}}
{{- define "titan.bundled" -}}
{{- printf "%s-%s" (.root.Release.Name | trunc 50 | trimSuffix "-") .of -}}
{{- end -}}

{{- define "titan.blobsClaim" -}}
{{- default (printf "%s-blobs" (include "titan.fullname" .)) .Values.blobStorage.local.existingClaim -}}
{{- end -}}

{{- define "titan.backupClaim" -}}
{{- default (printf "%s-backup" (include "titan.fullname" .)) .Values.backup.existingClaim -}}
{{- end -}}
