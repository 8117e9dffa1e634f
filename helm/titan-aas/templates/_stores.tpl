{{/* Where the stores are, as settings and as volumes with their secrets. Secrets are files: who sees the pod's manifest or
its environment sees none, and a changed one is read again without a restart. */}}

{{- define "titan.database.host" -}}
{{- if .Values.postgresql.enabled -}}
{{- include "titan.bundled" (dict "root" . "of" "postgresql") -}}
{{- else -}}
{{- required "postgresql.enabled is false: say in externalDatabase.host where PostgreSQL is" .Values.externalDatabase.host -}}
{{- end -}}
{{- end -}}

{{- define "titan.database.port" -}}
{{- if .Values.postgresql.enabled -}}5432{{- else -}}{{- .Values.externalDatabase.port | int -}}{{- end -}}
{{- end -}}

{{- define "titan.database.url" -}}
{{- $pool := printf "pool_size=%d&max_overflow=%d" (.Values.databasePool.size | int) (.Values.databasePool.overflow | int) -}}
{{- if .Values.postgresql.enabled -}}
{{- $auth := .Values.postgresql.auth -}}
postgresql://{{ $auth.username | urlquery }}@{{ include "titan.database.host" . }}:5432/{{ $auth.database | urlquery }}?{{ $pool }}
{{- else -}}
{{- $there := .Values.externalDatabase -}}
{{- $ca := ternary "&sslrootcert=/run/secrets/titan/database-ca/ca.crt" "" (ne $there.caSecret "") -}}
{{- if and (not $ca) (eq $there.sslMode "verify-full") -}}{{- $ca = "&sslrootcert=system" -}}{{- end -}}
{{- if and (not $ca) (eq $there.sslMode "verify-ca") -}}{{- fail "externalDatabase.caSecret: name the Secret of the authority; without one, only verify-full checks, against the public authorities" -}}{{- end -}}
postgresql://{{ $there.username | urlquery }}@{{ include "titan.database.host" . }}:{{ $there.port | int }}/{{ $there.database | urlquery }}?{{ $pool }}&ssl={{ $there.sslMode }}{{ $ca }}
{{- end -}}
{{- end -}}

{{- define "titan.database.secret" -}}
{{- if .Values.postgresql.enabled -}}
{{- default (include "titan.bundled" (dict "root" . "of" "postgresql")) .Values.postgresql.auth.existingSecret -}}
{{- else -}}
{{- required "externalDatabase.existingSecret: name the Secret that holds the database's password" .Values.externalDatabase.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "titan.database.env" -}}
- name: DATABASE_URL
  value: {{ include "titan.database.url" . | quote }}
- name: DATABASE_PASSWORD_FILE
  value: /run/secrets/titan/database/password
{{- end -}}

{{- define "titan.database.volumes" -}}
{{- /* The values of a chart that is off are not there. */ -}}
{{- $key := .Values.externalDatabase.existingSecretPasswordKey -}}
{{- if .Values.postgresql.enabled -}}{{- $key = .Values.postgresql.auth.passwordKey -}}{{- end -}}
{{ include "titan.secretVolume" (dict "name" "database" "secret" (include "titan.database.secret" .) "items" (dict $key "password")) }}
{{- if and (not .Values.postgresql.enabled) .Values.externalDatabase.caSecret }}
{{ include "titan.secretVolume" (dict "name" "database-ca" "secret" .Values.externalDatabase.caSecret "items" (dict "ca.crt" "ca.crt")) }}
{{- end }}
{{- end -}}

{{- define "titan.redis.host" -}}
{{- if .Values.redis.enabled -}}
{{- include "titan.bundled" (dict "root" . "of" "redis") -}}
{{- else -}}
{{- required "redis.enabled is false: say in externalRedis.host where Redis is" .Values.externalRedis.host -}}
{{- end -}}
{{- end -}}

{{- define "titan.redis.port" -}}
{{- if .Values.redis.enabled -}}6379{{- else -}}{{- .Values.externalRedis.port | int -}}{{- end -}}
{{- end -}}

{{- define "titan.redis.env" -}}
{{- $there := .Values.externalRedis -}}
- name: REDIS_URL
{{- if .Values.redis.enabled }}
  value: redis://{{ include "titan.redis.host" . }}:6379/0
{{- else }}
  value: {{ printf "%s://%s%s:%d/%d%s" (ternary "rediss" "redis" $there.tls) (ternary (printf "%s@" (urlquery $there.username)) "" (ne $there.username "")) (include "titan.redis.host" .) (int $there.port) (int $there.database) (ternary "?ssl_ca_certs=/run/secrets/titan/redis-ca/ca.crt" "" (ne $there.caSecret "")) | quote }}
{{- end }}
{{- if or .Values.redis.enabled $there.existingSecret }}
- name: REDIS_PASSWORD_FILE
  value: /run/secrets/titan/redis/password
{{- end }}
{{- end -}}

{{- define "titan.redis.volumes" -}}
{{- $there := .Values.externalRedis -}}
{{- if .Values.redis.enabled -}}
{{- $auth := .Values.redis.auth -}}
{{- $secret := default (include "titan.bundled" (dict "root" . "of" "redis")) $auth.existingSecret -}}
{{ include "titan.secretVolume" (dict "name" "redis" "secret" $secret "items" (dict $auth.passwordKey "password")) }}
{{- else if $there.existingSecret -}}
{{ include "titan.secretVolume" (dict "name" "redis" "secret" $there.existingSecret "items" (dict $there.existingSecretPasswordKey "password")) }}
{{- end }}
{{- if and (not .Values.redis.enabled) $there.caSecret }}
{{ include "titan.secretVolume" (dict "name" "redis-ca" "secret" $there.caSecret "items" (dict "ca.crt" "ca.crt")) }}
{{- end }}
{{- end -}}

{{- define "titan.mqtt.host" -}}
{{- if .Values.mosquitto.enabled -}}
{{- include "titan.bundled" (dict "root" . "of" "mosquitto") -}}
{{- else -}}
{{- required "mqtt.enabled: say in mqtt.host where the broker is, or set mosquitto.enabled" .Values.mqtt.host -}}
{{- end -}}
{{- end -}}

{{- define "titan.mqtt.port" -}}
{{- if .Values.mosquitto.enabled -}}1883{{- else -}}{{- .Values.mqtt.port | int -}}{{- end -}}
{{- end -}}

{{- define "titan.mqtt.env" -}}
{{- $username := .Values.mqtt.username -}}
{{- if .Values.mosquitto.enabled -}}{{- $username = .Values.mosquitto.auth.username -}}{{- end -}}
- name: MQTT_BROKER
  value: {{ include "titan.mqtt.host" . | quote }}
- name: MQTT_PORT
  value: {{ include "titan.mqtt.port" . | quote }}
{{- with $username }}
- name: MQTT_USERNAME
  value: {{ . | quote }}
{{- end }}
{{- if or .Values.mosquitto.enabled .Values.mqtt.existingSecret }}
- name: MQTT_PASSWORD_FILE
  value: /run/secrets/titan/mqtt/password
{{- end }}
{{- if and (not .Values.mosquitto.enabled) .Values.mqtt.tls }}
- name: MQTT_TLS
  value: "true"
{{- if .Values.mqtt.caSecret }}
- name: MQTT_CA_FILE
  value: /run/secrets/titan/mqtt-ca/ca.crt
{{- end }}
{{- end }}
{{- end -}}

{{- define "titan.mqtt.volumes" -}}
{{- if .Values.mosquitto.enabled -}}
{{- $auth := .Values.mosquitto.auth -}}
{{- $secret := default (include "titan.bundled" (dict "root" . "of" "mosquitto")) $auth.existingSecret -}}
{{ include "titan.secretVolume" (dict "name" "mqtt" "secret" $secret "items" (dict $auth.passwordKey "password")) }}
{{- else }}
{{- with .Values.mqtt.existingSecret }}
{{ include "titan.secretVolume" (dict "name" "mqtt" "secret" . "items" (dict $.Values.mqtt.existingSecretPasswordKey "password")) }}
{{- end }}
{{- if and .Values.mqtt.tls .Values.mqtt.caSecret }}
{{ include "titan.secretVolume" (dict "name" "mqtt-ca" "secret" .Values.mqtt.caSecret "items" (dict "ca.crt" "ca.crt")) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* dict "name" volume "secret" name "items" (dict key path) */}}
{{- define "titan.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret | quote }}
    defaultMode: 0440
    items:
      {{- range $key, $path := .items }}
      - key: {{ $key | quote }}
        path: {{ $path }}
      {{- end }}
{{- end -}}
