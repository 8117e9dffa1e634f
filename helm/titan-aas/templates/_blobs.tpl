{{/* Where contents lie, for the tiers that touch them. */}}

{{- define "titan.blobs.env" -}}
{{- $blobs := .Values.blobStorage -}}
- name: BLOB_STORAGE_TYPE
  value: {{ $blobs.type }}
{{- if eq $blobs.type "local" }}
- name: TITAN_DATA_DIR
  value: /data
{{- else if has $blobs.type (list "s3" "minio") }}
- name: S3_BUCKET
  value: {{ required "blobStorage.s3.bucket: name the bucket" $blobs.s3.bucket | quote }}
{{- include "titan.blobs.optional" (dict "S3_ENDPOINT_URL" $blobs.s3.endpointUrl "S3_PREFIX" $blobs.s3.prefix "S3_REGION" $blobs.s3.region) }}
{{- if $blobs.s3.existingSecret }}
- name: AWS_ACCESS_KEY_ID_FILE
  value: /run/secrets/titan/blobs/access-key-id
- name: AWS_SECRET_ACCESS_KEY_FILE
  value: /run/secrets/titan/blobs/secret-access-key
{{- end }}
{{- else if eq $blobs.type "gcs" }}
- name: GCS_BUCKET
  value: {{ required "blobStorage.gcs.bucket: name the bucket" $blobs.gcs.bucket | quote }}
{{- include "titan.blobs.optional" (dict "GCS_PREFIX" $blobs.gcs.prefix "GCS_PROJECT" $blobs.gcs.project) }}
{{- if $blobs.gcs.existingSecret }}
- name: GCS_CREDENTIALS_PATH
  value: /run/secrets/titan/blobs/credentials.json
{{- end }}
{{- else if eq $blobs.type "azure" }}
- name: AZURE_CONTAINER
  value: {{ required "blobStorage.azure.container: name the container" $blobs.azure.container | quote }}
{{- include "titan.blobs.optional" (dict "AZURE_PREFIX" $blobs.azure.prefix "AZURE_ACCOUNT_URL" $blobs.azure.accountUrl) }}
- name: {{ get (dict "connection-string" "AZURE_STORAGE_CONNECTION_STRING_FILE" "account-key" "AZURE_ACCOUNT_KEY_FILE" "sas-token" "AZURE_SAS_TOKEN_FILE") $blobs.azure.secretHolds }}
  value: /run/secrets/titan/blobs/{{ $blobs.azure.secretHolds }}
{{- end }}
{{- end -}}

{{- define "titan.blobs.optional" -}}
{{- range $name, $value := . }}
{{- if $value }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The Secret of the store that is chosen; empty where it has none. */}}
{{- define "titan.blobs.secret" -}}
{{- $blobs := .Values.blobStorage -}}
{{- if eq $blobs.type "azure" -}}
{{- required "blobStorage.azure.existingSecret: name the Secret that leads to the container" $blobs.azure.existingSecret -}}
{{- else if eq $blobs.type "gcs" -}}
{{- $blobs.gcs.existingSecret -}}
{{- else if ne $blobs.type "local" -}}
{{- $blobs.s3.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "titan.blobs.volumes" -}}
{{- $blobs := .Values.blobStorage -}}
{{- $secret := include "titan.blobs.secret" . -}}
{{- $items := dict -}}
{{- if eq $blobs.type "azure" -}}
{{- $items = dict (default $blobs.azure.secretHolds $blobs.azure.secretKey) $blobs.azure.secretHolds -}}
{{- else if eq $blobs.type "gcs" -}}
{{- $items = dict $blobs.gcs.credentialsKey "credentials.json" -}}
{{- else -}}
{{- $items = dict $blobs.s3.accessKeyIdKey "access-key-id" $blobs.s3.secretAccessKeyKey "secret-access-key" -}}
{{- end -}}
{{- if eq $blobs.type "local" -}}
- name: blobs
  persistentVolumeClaim:
    claimName: {{ include "titan.blobsClaim" . }}
{{- else if $secret -}}
{{ include "titan.secretVolume" (dict "name" "blobs" "secret" $secret "items" $items) }}
{{- end -}}
{{- end -}}

{{/* Port of a URL: dict "url" … "default" "443". */}}
{{- define "titan.portOf" -}}
{{- $url := urlParse .url -}}
{{- $named := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- default (ternary "80" .default (eq $url.scheme "http")) $named -}}
{{- end -}}

{{- define "titan.blobs.port" -}}
{{- $blobs := .Values.blobStorage -}}
{{- $url := "" -}}
{{- if has $blobs.type (list "s3" "minio") -}}{{- $url = $blobs.s3.endpointUrl -}}{{- end -}}
{{- if eq $blobs.type "azure" -}}{{- $url = $blobs.azure.accountUrl -}}{{- end -}}
{{- if ne $blobs.type "local" -}}
{{- include "titan.portOf" (dict "url" (default "https://" $url) "default" "443") -}}
{{- end -}}
{{- end -}}

{{/* Where the cloud gives pods the credentials of a role: address and port of each, where there is no key in a Secret. */}}
{{- define "titan.blobs.metadata" -}}
{{- $type := .Values.blobStorage.type -}}
{{- if and (ne $type "local") (not (include "titan.blobs.secret" .)) -}}
# The machine's, and GKE's where Dataplane V2 is.
- {address: 169.254.169.254, port: 80}
{{- if eq $type "gcs" }}
- {address: 169.254.169.252, port: 988}
{{- else }}
# EKS Pod Identity.
- {address: 169.254.170.23, port: 80}
{{- end }}
{{- end -}}
{{- end -}}
