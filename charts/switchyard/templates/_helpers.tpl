{{- define "switchyard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "switchyard.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "switchyard.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "switchyard.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "switchyard.peers" -}}
{{- printf "%s-peers" (include "switchyard.fullname" .) -}}
{{- end -}}

{{- define "switchyard.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "switchyard.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "switchyard.selector" -}}
app.kubernetes.io/name: {{ include "switchyard.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "switchyard.labels" -}}
{{ include "switchyard.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* What the public listener speaks: https alone as soon as it has certificates. */}}
{{- define "switchyard.scheme" -}}
{{- ternary "https" "http" (or (not (empty .Values.settings.tlsCertFile)) (not (empty .Values.settings.acmeHost))) -}}
{{- end -}}

{{/* Whether gateways tell each other of pushes. */}}
{{- define "switchyard.relays" -}}
{{- if and .Values.webhookPeers .Values.secrets.webhook.name -}}true{{- end -}}
{{- end -}}

{{/*
Seconds that a gateway gets to end: shutdownDelay and gracePeriod together, so that
requests end whole, and a few for the log and what else is flushed. Durations are
Go's, such as 1m30s; the only reader of those that Helm has adds them to a date.
*/}}
{{- define "switchyard.terminationGracePeriod" -}}
{{- $begin := toDate "2006-01-02" "1970-01-01" -}}
{{- $end := $begin | mustDateModify (.Values.settings.shutdownDelay | default "0s" | toString) -}}
{{- $end = $end | mustDateModify (.Values.settings.gracePeriod | default "30s" | toString) -}}
{{- sub (unixEpoch $end | int64) (unixEpoch $begin | int64) | add 6 -}}
{{- end -}}

{{/* switchyard.yaml, as the gateway reads it: the chart's own keys win. */}}
{{- define "switchyard.settings" -}}
{{- $own := dict
  "schemaVersion" 1
  "repo" (required "repository is needed: the URL of the git repository to follow" .Values.repository)
  "listen" ":8080"
  "admin" "127.0.0.1:9090"
  "state" "/var/lib/switchyard"
-}}
{{- $_ := set $own "metrics" ":9091" -}}
{{- if .Values.secrets.git.name -}}
{{- if eq .Values.secrets.git.kind "ssh" -}}
{{- $_ := set $own "gitSshKeyFile" (printf "/etc/switchyard/git/%s" .Values.secrets.git.sshKey) -}}
{{- $_ := set $own "gitKnownHostsFile" (printf "/etc/switchyard/git/%s" .Values.secrets.git.knownHosts) -}}
{{- else -}}
{{- $_ := set $own "gitTokenFile" (printf "/etc/switchyard/git/%s" .Values.secrets.git.token) -}}
{{- end -}}
{{- end -}}
{{- if .Values.secrets.webhook.name -}}
{{- $_ := set $own "webhookSecretFile" (printf "/etc/switchyard/webhook/%s" .Values.secrets.webhook.key) -}}
{{- end -}}
{{- if include "switchyard.relays" . -}}
{{- $_ := set $own "webhookPeers" (printf "%s://%s:8080/-/webhook" (include "switchyard.scheme" .) (include "switchyard.peers" .)) -}}
{{- end -}}
{{- merge $own .Values.settings | toYaml -}}
{{- end -}}
