import type { Pod } from '../../packages/api/src/generated/core.v1.ts'

const PORT = 8080

/**
 * A pod as a deployment in production makes it: a container with a probe, resources, environment and volumes, labels
 * and annotations. The API server stores about 4,500 bytes of JSON for it, nearly half of which say who owns its fields.
 */
export function podNamed(name: string, namespace = 'default'): Omit<Pod, 'metadata'> & { metadata: object } {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      labels: {
        'app.kubernetes.io/name': 'catalogue',
        'app.kubernetes.io/instance': 'catalogue-production',
        'app.kubernetes.io/component': 'web',
        'app.kubernetes.io/version': '2.14.3',
        'pod-template-hash': '6b7f9c5d8d',
      },
      annotations: {
        'prometheus.io/scrape': 'true',
        'prometheus.io/port': '9102',
      },
    },
    spec: {
      serviceAccountName: 'default',
      automountServiceAccountToken: false,
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      containers: [container],
      volumes: [{ name: 'config', configMap: { name: 'catalogue-config' } }],
      terminationGracePeriodSeconds: 45,
    },
  } as unknown as Omit<Pod, 'metadata'> & { metadata: object }
}

const container = {
  name: 'web',
  image: 'registry.example.com/shop/catalogue-web:2.14.3',
  imagePullPolicy: 'IfNotPresent',
  args: ['--listen', `:${PORT}`, '--log-format=json', '--shutdown-timeout=30s'],
  ports: [{ name: 'http', containerPort: PORT, protocol: 'TCP' }],
  env: [
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    { name: 'DATABASE_HOST', value: 'postgres.databases.svc.cluster.local' },
    { name: 'FEATURE_FLAGS', value: 'search-v2,related-products,fast-checkout' },
  ],
  resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { cpu: '1', memory: '512Mi' } },
  readinessProbe: { httpGet: { path: '/healthz/ready', port: 'http' }, periodSeconds: 5, failureThreshold: 3 },
  livenessProbe: { httpGet: { path: '/healthz/live', port: 'http' }, initialDelaySeconds: 10, periodSeconds: 20 },
  volumeMounts: [{ name: 'config', mountPath: '/etc/catalogue', readOnly: true }],
}
