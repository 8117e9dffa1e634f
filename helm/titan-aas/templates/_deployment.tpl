{{/* A tier: dict "root" . "component" name "args" list "replicas" number, or none where it is scaled "resources" map. */}}
{{- define "titan.deployment" -}}
{{- $root := .root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "titan.fullname" $root }}-{{ .component }}
  labels:
    {{- include "titan.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  {{- with .replicas }}
  replicas: {{ . | int }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      {{- include "titan.selector" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  template:
    metadata: {{- include "titan.podMetadata" (dict "root" $root "component" .component) | nindent 6 }}
    spec:
      serviceAccountName: {{ include "titan.serviceAccountName" $root }}
      {{- include "titan.podBasics" $root | nindent 6 }}
      {{- include "titan.spread" . | nindent 6 }}
      # To serve on until balancers have heard of it, to finish what was accepted, and some more.
      terminationGracePeriodSeconds: {{ add $root.Values.drainSeconds $root.Values.shutdownSeconds 10 }}
      {{- if include "titan.migratesItself" $root }}
      initContainers:
        - {{- include "titan.migrate" $root | nindent 10 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          {{- include "titan.imageAndSecurity" $root | nindent 10 }}
          args: {{- toYaml .args | nindent 12 }}
          env:
            {{- include "titan.env" . | nindent 12 }}
          ports:
            - name: http
              containerPort: 8080
          # A process waits for a minute for its database before it listens.
          startupProbe:
            httpGet: {path: /health/live, port: http}
            periodSeconds: 2
            timeoutSeconds: 2
            failureThreshold: 60
          readinessProbe:
            httpGet: {path: /health/ready, port: http}
            periodSeconds: 3
            timeoutSeconds: 3
            failureThreshold: 2
          # A process that is busy is not dead.
          livenessProbe:
            httpGet: {path: /health/live, port: http}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          resources: {{- toYaml .resources | nindent 12 }}
          volumeMounts:
            {{- include "titan.volumeMounts" . | nindent 12 }}
      volumes:
        {{- include "titan.volumes" . | nindent 8 }}
{{- end -}}
