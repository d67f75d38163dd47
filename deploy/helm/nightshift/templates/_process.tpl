{{- define "nightshift.image" -}}
image: {{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end -}}

{{- /* Of a container: nothing is written but to volumes. */ -}}
{{- define "nightshift.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}

{{- /* Of a pod: the image's user. */ -}}
{{- define "nightshift.user" -}}
securityContext: { runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: { type: RuntimeDefault } }
{{- end -}}

{{- define "nightshift.environment" -}}
envFrom:
  - secretRef: { name: {{ .Values.existingSecret }} }
env:
  - { name: NIGHTSHIFT_CELL_FILE, value: /etc/nightshift/cell.yaml }
  - { name: NIGHTSHIFT_API_HOST, value: 0.0.0.0 }
  - { name: NIGHTSHIFT_GATEWAY_HOST, value: 0.0.0.0 }
  - { name: NIGHTSHIFT_OCPP_HOST, value: 0.0.0.0 }
  - { name: NIGHTSHIFT_OCPP_PORT, value: "9220" }
  - { name: NIGHTSHIFT_METRICS_HOST, value: 0.0.0.0 }
  - { name: NIGHTSHIFT_METRICS_PORT, value: "9464" }
  {{- range $name, $value := .Values.environment }}
  {{- if $value }}
  - { name: {{ $name }}, value: {{ $value | quote }} }
  {{- end }}
  {{- end }}
volumeMounts:
  - { name: cell, mountPath: /etc/nightshift, readOnly: true }
  - { name: state, mountPath: /var/lib/nightshift }
  - { name: temporary, mountPath: /tmp }
{{- end -}}
