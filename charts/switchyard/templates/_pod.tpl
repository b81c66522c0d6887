{{/* The pod of a gateway, the same for a Deployment and a StatefulSet. */}}
{{- define "switchyard.pod" -}}
metadata:
  labels:
    {{- include "switchyard.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # Settings are read at a start: what changes in them starts new pods.
    checksum/settings: {{ include "switchyard.settings" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "switchyard.serviceAccount" . }}
  automountServiceAccountToken: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  # shutdownDelay and gracePeriod together, and a little more.
  terminationGracePeriodSeconds: {{ include "switchyard.terminationGracePeriod" . }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: switchyard
      image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve, --config, /etc/switchyard/switchyard.yaml]
      {{- with .Values.secrets.environment }}
      envFrom:
        {{- range . }}
        - secretRef: {name: {{ . }}}
        {{- end }}
      {{- end }}
      ports:
        - {name: http, containerPort: 8080}
        - {name: metrics, containerPort: 9091}
      # It counts as ready when a revision serves, and not any more as soon as it ends.
      readinessProbe:
        httpGet: {path: /readyz, port: metrics}
        periodSeconds: 3
        failureThreshold: 2
      livenessProbe:
        httpGet: {path: /healthz, port: metrics}
        periodSeconds: 10
        failureThreshold: 6
      resources: {{- toYaml .Values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      volumeMounts:
        - {name: settings, mountPath: /etc/switchyard/switchyard.yaml, subPath: switchyard.yaml, readOnly: true}
        - {name: state, mountPath: /var/lib/switchyard}
        {{- if .Values.secrets.git.name }}
        - {name: git, mountPath: /etc/switchyard/git, readOnly: true}
        {{- end }}
        {{- if .Values.secrets.webhook.name }}
        - {name: webhook, mountPath: /etc/switchyard/webhook, readOnly: true}
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: settings
      configMap: {name: {{ include "switchyard.fullname" . }}}
    {{- if not .Values.state.persistence.enabled }}
    - name: state
      emptyDir: {sizeLimit: {{ .Values.state.sizeLimit }}}
    {{- end }}
    {{- with .Values.secrets.git.name }}
    - name: git
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- with .Values.secrets.webhook.name }}
    - name: webhook
      secret: {secretName: {{ . }}, defaultMode: 0440}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if .Values.topologySpreadConstraints }}
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "switchyard.selector" . | nindent 10 }}
    {{- end }}
{{- end -}}
