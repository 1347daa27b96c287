/** A real kubectl against a real port. Skipped by name where there is no kubectl. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { type SecureServer, startSecureServer } from './testing/secure-server.ts'

const missing = spawnSync('kubectl', ['version', '--client']).error !== undefined

const settings = (value: string, name = 's'): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${value === '' ? '' : `data:\n  k: "${value}"\n`}`

describe('kubectl', { skip: missing ? 'kubectl is not on the PATH' : false }, () => {
  let secure: SecureServer
  before(async () => {
    secure = await startSecureServer()
  })
  after(() => secure.stop())

  function kubectl(args: string, input = ''): Promise<{ code: number; out: string; err: string }> {
    return new Promise(resolve => {
      const child = execFile(
        'kubectl',
        ['--kubeconfig', secure.kubeconfig, '--cache-dir', `${secure.kubeconfig}.cache`, ...args.split(' ')],
        { timeout: 60_000 },
        (error, out, err) => resolve({ code: error ? Number(error.code ?? 1) : 0, out, err }),
      )
      child.stdin?.end(input)
    })
  }

  const steps: readonly [args: string, expected: RegExp, code?: number, input?: string][] = [
    ['create serviceaccount default', /^serviceaccount\/default created\n$/],
    ['create configmap a --from-literal=x=y', /^configmap\/a created\n$/],
    ['get configmap a -o jsonpath={.data.x}', /^y$/],
    ['create configmap a', /\(AlreadyExists\)|configmaps "a" already exists/, 1],
    ['get configmaps', /^NAME +DATA +AGE\na +1 +\d+s\n$/],
    ['label configmap a tier=front', /^configmap\/a labeled\n$/],
    ['get configmaps -l tier=front -o name', /^configmap\/a\n$/],
    ['create deployment web --image=nginx', /^deployment.apps\/web created\n$/],
    ['scale deployment web --replicas=3', /^deployment.apps\/web scaled\n$/],
    ['get deployment web', /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/3 +0 +0 +\d+s\n$/],
    ['get deployment web -o jsonpath={.metadata.generation}', /^2$/],
    ['expose deployment web --port=80', /^service\/web exposed\n$/],
    ['get service web -o jsonpath={.spec.clusterIP}', /^10\.96\.\d+\.\d+$/],
    [
      'apply -f -',
      /^configmap\/b created\n$/,
      0,
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\ndata:\n  k: v\n',
    ],
    [
      'apply -f -',
      /^configmap\/b configured\n$/,
      0,
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\ndata:\n  l: w\n',
    ],
    ['get configmap b -o jsonpath={.data}', /^\{"l":"w"\}$/],
    [
      'apply -f -',
      /strict decoding error: unknown field "extra"/,
      1,
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\nextra: 1\n',
    ],
    ['run p --image=nginx --dry-run=server', /^pod\/p created \(server dry run\)\n$/],
    ['get pod p', /pods "p" not found/, 1],
    ['explain deployment.spec.replicas', /FIELD: replicas <integer>/],
    ['auth whoami -o jsonpath={.status.userInfo.username}', /^admin$/],
    ['auth can-i delete pods', /^yes\n$/],
    ['create token default', /^eyJ[\w-]+\.[\w-]+\.[\w-]+\n?$/],
    ['get pods --field-selector=foo=bar', /field label not supported: foo/, 1],
    ['get --raw /readyz', /^ok$/],
    ['get all', /service\/web[\s\S]*deployment.apps\/web/],
    ['delete deployment web --cascade=foreground --wait=false', /^deployment.apps "web" deleted/],
    ['get deployment web -o jsonpath={.metadata.finalizers}', /^\["foregroundDeletion"\]$/],
    ['create namespace n', /^namespace\/n created\n$/],
    ['delete namespace n --wait=false', /^namespace "n" deleted/],
    ['get namespace n', /^NAME +STATUS +AGE\nn +Terminating +\d+s\n$/],
    ['create configmap c -n n', /because it is being terminated/, 1],
    ['apply --server-side -f -', /^configmap\/s serverside-applied\n$/, 0, settings('1')],
    ['apply --server-side -f -', /^configmap\/s serverside-applied\n$/, 0, settings('2')],
    ['get configmap s --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}', /^kubectl$/],
    ['patch configmap s --type=merge -p {"data":{"k":"3"}}', /^configmap\/s patched\n$/],
    [
      'apply --server-side -f -',
      /Apply failed with 1 conflict: conflict with "kubectl-patch" using v1: \.data\.k\n/,
      1,
      settings('2'),
    ],
    ['apply --server-side --force-conflicts -f -', /^configmap\/s serverside-applied\n$/, 0, settings('2')],
    ['apply --server-side --field-manager=other -f -', /conflict with "kubectl": \.data\.k\n/, 1, settings('5')],
    ['apply -f -', /^configmap\/t created\n$/, 0, settings('1', 't')],
    ['apply --server-side -f -', /^configmap\/t serverside-applied\n$/, 0, settings('2', 't')],
    ['get configmap t --show-managed-fields -o jsonpath={.data.k}:{.metadata.managedFields[*].manager}', /^2:kubectl/],
    ['apply --server-side -f -', /^configmap\/t serverside-applied\n$/, 0, settings('', 't')],
    ['get configmap t -o jsonpath={.data}', /^$/],
    ['delete configmap a b', /^configmap "a" deleted[^\n]*\nconfigmap "b" deleted/],
  ]
  for (const [args, expected, code = 0, input] of steps) {
    it(args, async () => {
      const result = await kubectl(args, input)
      assert.match(result.out + result.err, expected)
      assert.equal(result.code, code)
    })
  }
})
