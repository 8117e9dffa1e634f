{{/* What all pods of Titan have in common. Where a template takes a dict, `root` is the whole and `component` the tier. */}}

{{/* Where a pod runs and as whom. */}}
{{- define "titan.podBasics" -}}
automountServiceAccountToken: false
# A Service called `titan` would set TITAN_PORT otherwise.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "titan.podMetadata" -}}
{{- $annotations := merge (dict) (default (dict) .annotations) .root.Values.podAnnotations -}}
labels:
  {{- include "titan.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "titan.spread" -}}
{{- $root := .root -}}
{{- $component := .component -}}
{{- with $root.Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  - {{- toYaml . | nindent 4 }}
    labelSelector:
      matchLabels:
        {{- include "titan.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $component }}
    # Each version of the tier by itself, so that a rollout does not end in a heap.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end -}}

{{/* Which stores a tier needs: only those it is told of. */}}
{{- define "titan.touches" -}}
{{- $tiers := dict "redis" (list "read" "write" "projector" "bridge" "backup") "blobs" (list "read" "write" "projector" "backup") "mqtt" (list "bridge") -}}
{{- if has .component (get $tiers .store) -}}yes{{- end -}}
{{- end -}}

{{- define "titan.env" -}}
{{- $values := .root.Values -}}
- name: TITAN_ENV
  value: {{ $values.environment }}
- name: TITAN_LOG_LEVEL
  value: {{ $values.logLevel }}
- name: TITAN_SHUTDOWN_S
  value: {{ $values.shutdownSeconds | int | quote }}
{{ include "titan.database.env" .root }}
{{- if include "titan.touches" (dict "component" .component "store" "redis") }}
{{ include "titan.redis.env" .root }}
{{- end }}
{{- if include "titan.touches" (dict "component" .component "store" "blobs") }}
{{ include "titan.blobs.env" .root }}
{{- end }}
{{- if include "titan.touches" (dict "component" .component "store" "mqtt") }}
{{ include "titan.mqtt.env" .root }}
{{- end }}
{{- if has .component (list "read" "write") }}
{{- include "titan.api.env" .root }}
{{- end }}
- name: ENABLE_METRICS
  value: {{ $values.metrics.enabled | quote }}
{{- if $values.tracing.enabled }}
- name: ENABLE_TRACING
  value: "true"
- name: OTLP_ENDPOINT
  value: {{ required "tracing.endpoint: say where the collector is" $values.tracing.endpoint | quote }}
{{- end }}
{{- range $name, $value := $values.settings }}
- name: {{ $name }}
  # Whole numbers come as floating ones: 67108864 would be 6.7108864e+07.
  value: {{ ternary (printf "%d" (int64 $value)) (toString $value) (and (kindIs "float64" $value) (eq (floor $value) $value)) | quote }}
{{- end }}
{{- end -}}

{{/* What only those need that answer clients. */}}
{{- define "titan.api.env" }}
- name: TITAN_DRAIN_S
  value: {{ .Values.drainSeconds | int | quote }}
{{- with include "titan.externalUrl" . }}
- name: TITAN_EXTERNAL_URL
  value: {{ . | quote }}
{{- end }}
{{- if .Values.oidc.enabled }}
- name: OIDC_ISSUER
  value: {{ required "oidc.issuer: name the issuer" .Values.oidc.issuer | quote }}
- name: OIDC_AUDIENCE
  value: {{ .Values.oidc.audience | quote }}
{{- end }}
{{- with .Values.authMode }}
- name: TITAN_AUTH_MODE
  value: {{ . }}
{{- end }}
{{- end -}}

{{- define "titan.externalUrl" -}}
{{- if .Values.externalUrl -}}
{{- .Values.externalUrl -}}
{{- else if and .Values.ingress.enabled .Values.ingress.hosts -}}
{{- $host := (first .Values.ingress.hosts).host -}}
{{- $secure := list -}}
{{- range .Values.ingress.tls -}}{{- $secure = concat $secure (default (list) .hosts) -}}{{- end -}}
{{- printf "%s://%s" (ternary "https" "http" (has $host $secure)) $host -}}
{{- end -}}
{{- end -}}

{{- define "titan.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .root.Values.temporarySize }}
{{ include "titan.database.volumes" .root }}
{{- if include "titan.touches" (dict "component" .component "store" "redis") }}
{{- with include "titan.redis.volumes" .root | trim }}
{{ . }}
{{- end }}
{{- end }}
{{- if include "titan.touches" (dict "component" .component "store" "blobs") }}
{{- with include "titan.blobs.volumes" .root | trim }}
{{ . }}
{{- end }}
{{- end }}
{{- if include "titan.touches" (dict "component" .component "store" "mqtt") }}
{{- with include "titan.mqtt.volumes" .root | trim }}
{{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Each volume where the settings look for it; what is a secret is for reading only. */}}
{{- define "titan.volumeMounts" -}}
{{- range fromYamlArray (include "titan.volumes" .) }}
- name: {{ .name }}
  {{- if .secret }}
  mountPath: /run/secrets/titan/{{ .name }}
  readOnly: true
  {{- else }}
  mountPath: {{ get (dict "tmp" "/tmp" "blobs" "/data" "backup" "/backup") .name }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "titan.imageAndSecurity" -}}
image: {{ include "titan.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
{{- end -}}

{{/* Brings the schema up to date; several may do so at once, one after the other. Knows the database and nothing else. */}}
{{- define "titan.migrate" -}}
name: migrate
{{ include "titan.imageAndSecurity" . }}
args: [migrate]
env:
  {{- include "titan.database.env" . | nindent 2 }}
  - name: EVENT_BUS_BACKEND
    value: memory
resources: {{- toYaml .Values.jobResources | nindent 2 }}
volumeMounts:
  {{- include "titan.volumeMounts" (dict "root" . "component" "migrate") | nindent 2 }}
{{- end -}}

{{/* Is the schema migrated by the pods themselves? Where PostgreSQL comes with the release, no hook is at the right time:
those before the release run before there is a database, and those after it are waited for by `helm install --wait` until
pods are ready that cannot be. */}}
{{- define "titan.migratesItself" -}}
{{- if and .Values.migrations.enabled .Values.postgresql.enabled -}}yes{{- end -}}
{{- end -}}
