/** The API as every kubectl on this machine uses it; no nodes, no containers. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { TestCluster } from './support/cluster.ts'
import { allKubectls, Kubectl } from './support/kubectl.ts'

const deployment = (extra = ''): string => `apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: main, image: 'nginx:1', ports: [{ containerPort: 80 }] }
        - { name: side, image: busybox }
${extra}`

describe('the API through kubectl', { skip: process.platform !== 'linux' && 'needs Linux' }, () => {
  const cluster = new TestCluster('api')

  before(async () => {
    await cluster.up('--no-node')
  })
  after(() => cluster.remove())

  for (const program of allKubectls()) {
    describe(program.slice(program.lastIndexOf('/') + 1), () => {
      const namespace = `with-${program.slice(program.lastIndexOf('/') + 1).replaceAll('.', '-')}`
      const kubectl = new Kubectl(cluster.kubeconfig, program)
      const run = (args: readonly string[], input?: string): Promise<string> =>
        kubectl.run(['-n', namespace, ...args], input === undefined ? {} : { input })
      const fail = async (args: readonly string[], input?: string): Promise<string> => {
        const result = await kubectl.try(['-n', namespace, ...args], input === undefined ? {} : { input })
        assert.notEqual(result.code, 0, `${args.join(' ')} did not fail: ${result.stdout}`)
        return result.stderr
      }
      const apply = (text: string, ...flags: string[]): Promise<string> => run(['apply', ...flags, '-f', '-'], text)
      const field = (path: string): Promise<string> => run(['get', 'deployment', 'web', '-o', `jsonpath={${path}}`])

      before(() => run(['create', 'namespace', namespace]))

      it('apply, diff, apply again', async () => {
        assert.equal(await apply(deployment()), 'deployment.apps/web created\n')
        assert.equal(await apply(deployment()), 'deployment.apps/web unchanged\n')
        const changed = deployment().replace('replicas: 2', 'replicas: 3')
        const diff = await kubectl.try(['-n', namespace, 'diff', '-f', '-'], { input: changed })
        assert.equal(diff.code, 1, diff.stderr)
        assert.match(diff.stdout, /^- {2}replicas: 2\n\+ {2}replicas: 3$/m)
        assert.equal(await apply(changed), 'deployment.apps/web configured\n')
        assert.equal(await field('.spec.replicas'), '3')
      })

      it('patch: strategic, merge, JSON', async () => {
        const image = '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox:1"}]}}}}'
        await run(['patch', 'deployment', 'web', '-p', image])
        assert.equal(await field('.spec.template.spec.containers[*].image'), 'nginx:1 busybox:1')
        await run([
          'patch',
          'deployment',
          'web',
          '--type=json',
          '-p',
          '[{"op":"replace","path":"/spec/replicas","value":1}]',
        ])
        await run(['patch', 'deployment', 'web', '--type=merge', '-p', image])
        assert.equal(await field('.spec.template.spec.containers[*].image'), 'busybox:1')
        assert.equal(await field('.spec.replicas'), '1')
        await run(['scale', 'deployment', 'web', '--replicas=2'])
        assert.match(
          await fail([
            'patch',
            'deployment',
            'web',
            '--type=json',
            '-p',
            '[{"op":"test","path":"/spec/replicas","value":9}]',
          ]),
          /the server rejected our request due to an error in our request|testing.*failed/i,
        )
      })

      it('label, annotate, replace, edit, a conflict', async () => {
        await run(['label', 'deployment', 'web', 'tier=one'])
        await run(['annotate', 'deployment', 'web', 'note=two'])
        const stale = await run(['get', 'deployment', 'web', '-o', 'json'])
        await run(['label', 'deployment', 'web', 'tier-', 'other=1'])
        assert.match(
          await fail(['replace', '-f', '-'], stale),
          /Error from server \(Conflict\): error when replacing .*Operation cannot be fulfilled on deployments\.apps "web": the object has been modified; please apply your changes to the latest version and try again/,
        )
        const fresh = await run(['get', 'deployment', 'web', '-o', 'json'])
        assert.equal(
          await run(['replace', '-f', '-'], fresh.replace('"two"', '"three"')),
          'deployment.apps/web replaced\n',
        )
        assert.equal(await field('.metadata.annotations.note'), 'three')
        const editing = new Kubectl(cluster.kubeconfig, program, { KUBE_EDITOR: 'sed -i s/three/four/' })
        await editing.run(['-n', namespace, 'edit', 'deployment', 'web'])
        assert.equal(await field('.metadata.annotations.note'), 'four')
      })

      it('get in every format, sorted, selected, in pieces', async () => {
        for (const name of ['c', 'a', 'b']) await run(['create', 'configmap', name, `--from-literal=key=${name}`])
        const names = async (...flags: string[]): Promise<string[]> =>
          (await run(['get', 'configmaps', '-o', 'name', ...flags]))
            .trim()
            .split('\n')
            .filter(name => !name.includes('kube-root-ca'))
        assert.deepEqual(await names('--sort-by=.data.key'), ['configmap/a', 'configmap/b', 'configmap/c'])
        assert.deepEqual(await names('--chunk-size=1'), ['configmap/a', 'configmap/b', 'configmap/c'])
        assert.deepEqual(await names('--field-selector=metadata.name=b'), ['configmap/b'])
        assert.equal(await run(['get', 'configmap', 'a', '-o', 'go-template={{.data.key}}']), 'a')
        assert.equal(await run(['get', 'configmap', 'a', '-o', 'custom-columns=K:.data.key', '--no-headers']), 'a\n')
        assert.match(await run(['get', 'configmap', 'a', '-o', 'yaml']), /^kind: ConfigMap$/m)
        assert.match(
          await run(['get', 'deployment', 'web', '-o', 'wide']),
          /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\n/,
        )
        await kubectl.followUntil(['-n', namespace, 'get', 'configmaps', '-w'], /^a +1 /m)
        assert.match(
          await fail(['get', 'configmaps', '--field-selector=data=1']),
          /field selector "data=1": "data" is not a known field selector: only "metadata\.name", "metadata\.namespace"/,
        )
      })

      it('explain and discovery', async () => {
        assert.match(await run(['explain', 'deployment.spec.strategy.rollingUpdate']), /maxSurge/)
        assert.match(await run(['api-resources', '--namespaced', '-o', 'name']), /^deployments\.apps$/m)
        assert.match(await run(['api-versions']), /^rbac\.authorization\.k8s\.io\/v1$/m)
        assert.match(await run(['version']), /Server Version: .*v1\.36\./)
      })

      it('dry runs store nothing', async () => {
        const made = await run(['create', 'configmap', 'dry', '--dry-run=server', '-o', 'jsonpath={.metadata.uid}'])
        assert.match(made, /^[0-9a-f-]{36}$/)
        assert.match(
          await fail(['get', 'configmap', 'dry']),
          /Error from server \(NotFound\): configmaps "dry" not found/,
        )
      })

      it('what is wrong is said as Kubernetes says it', async () => {
        assert.match(
          await fail(['apply', '--validate=strict', '-f', '-'], deployment('  replicsa: 1\n')),
          /strict decoding error: unknown field "spec\.replicsa"/,
        )
        const warned = await kubectl.try(['-n', namespace, 'apply', '--validate=warn', '-f', '-'], {
          input: deployment('  replicsa: 1\n'),
        })
        assert.match(warned.stderr, /Warning: unknown field "spec\.replicsa"/)
        assert.match(
          await fail(
            ['apply', '-f', '-'],
            deployment()
              .replace('labels: { app: web } }\n    spec', 'labels: { app: other } }\n    spec')
              .replace('name: web,', 'name: bad,'),
          ),
          /spec\.template\.metadata\.labels: Invalid value: .*`selector` does not match template `labels`/,
        )
        assert.match(
          await fail(['create', 'configmap', 'Bad_Name']),
          /metadata\.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of/,
        )
        assert.match(await fail(['create', 'configmap', 'a']), /configmaps "a" already exists/)
        assert.match(await fail(['get', 'unicorns']), /the server doesn't have a resource type "unicorns"/)
      })

      it('who may do what, tokens', async () => {
        assert.equal(await run(['auth', 'can-i', 'create', 'pods']), 'yes\n')
        const refused = await kubectl.try(['-n', namespace, 'auth', 'can-i', 'create', 'pods', '--as=somebody'])
        assert.deepEqual([refused.code, refused.stdout], [1, 'no\n'])
        assert.match(
          await fail(['get', 'pods', '--as=somebody']),
          new RegExp(
            `pods is forbidden: User "somebody" cannot list resource "pods" in API group "" in the namespace "${namespace}"`,
          ),
        )
        assert.match(await run(['create', 'token', 'default', '--duration=10m']), /^eyJ[\w-]+\.[\w-]+\.[\w-]+\n?$/)
      })

      it('delete, by force too', async () => {
        await run(['delete', 'configmap', 'a', 'b', 'c'])
        await run(['delete', 'deployment', 'web', '--cascade=orphan'])
        assert.match(await run(['get', 'replicasets', '-o', 'name']), /^replicaset\.apps\/web-/)
        await run(['run', 'waiting', '--image=busybox'])
        await run(['delete', 'pod', 'waiting', '--force', '--grace-period=0'])
        await run(['delete', 'namespace', namespace])
      })
    })
  }
})
