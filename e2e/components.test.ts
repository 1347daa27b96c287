/** Each component of the control plane as a process of its own, with the flags that manifests for Kubernetes' own have. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { silentLogger } from '../packages/base/src/index.ts'
import { createClient, createInformerFactory } from '../packages/client/src/index.ts'
import { createKubeconfigTransport, mergeKubeconfig } from '../packages/host/src/index.ts'
import {
  type ClusterPki,
  systemClock as clock,
  ensureClusterPki,
  issueClientCertificate,
  systemRandom as random,
  run,
} from '../packages/platform/src/index.ts'
import { runSimulatedNodes } from '../packages/testing/src/index.ts'
import { freePorts } from './support/cluster.ts'
import { Kubectl } from './support/kubectl.ts'
import { Processes } from './support/processes.ts'
import { until } from './support/until.ts'

const launcher = fileURLToPath(new URL('../canopus', import.meta.url))

const USERS = {
  admin: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
  'controller-manager': { commonName: 'system:kube-controller-manager', organizations: [] },
  scheduler: { commonName: 'system:kube-scheduler', organizations: [] },
}

async function writeKubeconfigs(home: string, pki: ClusterPki, port: number): Promise<void> {
  for (const [name, user] of Object.entries(USERS)) {
    const pair = await issueClientCertificate(pki.ca, { ...user, clock })
    mergeKubeconfig(join(home, `${name}.kubeconfig`), {
      name: 'components',
      server: `https://127.0.0.1:${port}`,
      ca: pki.ca.certificate,
      cert: pair.certificate,
      key: pair.key,
      makeCurrent: true,
    })
  }
}

for (const backend of ['embedded', 'etcd'] as const) {
  const skip = backend === 'etcd' && !existsSync('/usr/bin/etcd') ? 'needs etcd' : false
  describe(`API server on the store "${backend}", controllers and scheduler, each alone`, { skip }, () => {
    const home = mkdtempSync(join(tmpdir(), 'canopus-components-'))
    const processes = new Processes()
    const kubectl = new Kubectl(join(home, 'admin.kubeconfig'))
    const stopNodes = new AbortController()
    let nodes: Promise<void> = Promise.resolve()
    let startManager = (): void => {}

    /** Flags of the store; starts etcd where it is the store. */
    const storeFlags = (clients: number, peers: number): string[] => {
      if (backend === 'embedded') return [`--storage-backend=embedded`, `--data-dir=${join(home, 'store')}`]
      const url = `http://127.0.0.1:${clients}`
      const flags = ['--data-dir', join(home, 'etcd'), '--listen-client-urls', url, '--advertise-client-urls', url]
      processes.start('etcd', '/usr/bin/etcd', [...flags, '--listen-peer-urls', `http://127.0.0.1:${peers}`])
      return [`--etcd-servers=${url}`]
    }

    const untilReady = (): Promise<void> =>
      until(
        () => `the API server is ready: ${processes.output}`,
        async () => (await kubectl.try(['get', '--raw', '/readyz'])).stdout === 'ok',
      )

    before(async () => {
      // Where the bundle has to be made first, that takes its time.
      await run(launcher, ['--version'])
      const [port, clients, peers] = (await freePorts(3)) as [number, number, number]
      const pki = await ensureClusterPki(join(home, 'pki'), { clusterName: 'components', clock })
      await writeKubeconfigs(home, pki, port)
      const file = (name: string): string => join(home, 'pki', name)
      const start = (name: string, ...flags: string[]): void =>
        void processes.start(name, launcher, [name, ...flags], { CANOPUS_HOME: home })
      start(
        'apiserver',
        ...storeFlags(clients, peers),
        `--secure-port=${port}`,
        '--bind-address=127.0.0.1',
        '--advertise-address=127.0.0.1',
        '--allow-privileged=true',
        '--authorization-mode=Node,RBAC',
        '--enable-admission-plugins=NodeRestriction',
        '--enable-bootstrap-token-auth=true',
        '--service-cluster-ip-range=10.90.0.0/16',
        '--service-node-port-range=31000-31010',
        '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
        `--service-account-key-file=${file('sa.pub')}`,
        `--service-account-signing-key-file=${file('sa.key')}`,
        `--client-ca-file=${file('ca.crt')}`,
        `--tls-cert-file=${file('apiserver.crt')}`,
        `--tls-private-key-file=${file('apiserver.key')}`,
        `--kubelet-client-certificate=${file('apiserver-kubelet-client.crt')}`,
        `--kubelet-client-key=${file('apiserver-kubelet-client.key')}`,
        '-v=2',
      )
      const manager = [
        `--kubeconfig=${join(home, 'controller-manager.kubeconfig')}`,
        '--controllers=*,bootstrapsigner,tokencleaner',
        '--leader-elect=true',
        '--leader-elect-lease-duration=10s',
        '--leader-elect-renew-deadline=8s',
        '--leader-elect-retry-period=200ms',
        // The usual port may be that of a cluster of this machine.
        '--secure-port=0',
        '--allocate-node-cidrs=true',
        '--cluster-cidr=10.91.0.0/16',
        `--root-ca-file=${file('ca.crt')}`,
        `--service-account-private-key-file=${file('sa.key')}`,
        `--cluster-signing-cert-file=${file('ca.crt')}`,
        `--cluster-signing-key-file=${file('ca.key')}`,
        '--use-service-account-credentials=true',
      ]
      startManager = () => start('controller-manager', ...manager)
      startManager()
      start(
        'scheduler',
        `--kubeconfig=${join(home, 'scheduler.kubeconfig')}`,
        '--leader-elect=true',
        '--leader-elect-retry-period=200ms',
        '--secure-port=0',
      )
      await untilReady()
      const transport = createKubeconfigTransport(join(home, 'admin.kubeconfig'))
      const client = createClient(transport)
      const context = { client, clock, random, logger: silentLogger }
      const informers = createInformerFactory(context)
      nodes = runSimulatedNodes({ ...context, informers, count: 2 }, stopNodes.signal).finally(() => transport.close())
      informers.start(stopNodes.signal)
    })

    after(async () => {
      stopNodes.abort()
      await nodes
      await processes.stop()
      rmSync(home, { recursive: true, force: true })
    })

    it("brings a deployment's pods onto nodes", async () => {
      await kubectl.run(['create', 'deployment', 'web', '--image=nginx', '--replicas=4'])
      const done = await kubectl.try(['rollout', 'status', 'deployment/web', '--timeout=170s'])
      assert.equal(done.code, 0, `${done.stderr}${processes.output}`)
      const names = await kubectl.run(['get', 'pods', '-o', 'jsonpath={.items[*].spec.nodeName}'])
      assert.equal(names.match(/node-[01]/g)?.length, 4, names)
    })

    it('takes service addresses, node ports and pod ranges from its flags', async () => {
      await kubectl.run(['expose', 'deployment', 'web', '--port=80', '--type=NodePort'])
      const path = 'jsonpath={.spec.clusterIP} {.spec.ports[0].nodePort}'
      const [address = '', port = ''] = (await kubectl.run(['get', 'service', 'web', '-o', path])).split(' ')
      assert.match(address, /^10\.90\./)
      assert.ok(Number(port) >= 31000 && Number(port) <= 31010, port)
      const ranges = async (): Promise<string> =>
        kubectl.run(['get', 'nodes', '-o', 'jsonpath={.items[*].spec.podCIDR}'])
      const both = /^10\.91\.\d+\.0\/24 10\.91\.\d+\.0\/24$/
      await until('both nodes have a range', async () => both.test(await ranges()))
    })

    it('has one leader of each, and controllers that work as their own service accounts', async () => {
      const path = 'jsonpath={.items[*].metadata.name}'
      const leases = (await kubectl.run(['get', 'leases', '-n', 'kube-system', '-o', path])).split(' ')
      assert.deepEqual(leases.filter(name => name.startsWith('kube-')).sort(), [
        'kube-controller-manager',
        'kube-scheduler',
      ])
      const accounts = (await kubectl.run(['get', 'serviceaccounts', '-n', 'kube-system', '-o', path])).split(' ')
      for (const name of ['deployment-controller', 'replicaset-controller', 'generic-garbage-collector'])
        assert.ok(accounts.includes(name), name)
      const forbidden = processes.output.split('\n').filter(line => line.includes('forbidden'))
      assert.deepEqual(forbidden, [])
    })

    it('has another controller manager take over from one that was killed', async () => {
      const holder = (): Promise<string> => {
        const path = 'jsonpath={.spec.holderIdentity}'
        return kubectl.run(['get', 'lease', 'kube-controller-manager', '-n', 'kube-system', '-o', path])
      }
      const first = await holder()
      startManager()
      await processes.kill('controller-manager')
      await kubectl.run(['scale', 'deployment', 'web', '--replicas=6'])
      await kubectl.wait('deployment/web', 'jsonpath={.status.readyReplicas}=6')
      assert.notEqual(await holder(), first)
      const led = processes.output.match(/"lease":"kube-controller-manager"[^\n]*"msg":"became leader"/g)
      assert.equal(led?.length, 2, processes.output)
    })

    it('ends with status 0 when asked to', async () => {
      stopNodes.abort()
      await nodes
      const statuses = await processes.stop()
      for (const name of ['scheduler', 'controller-manager', 'apiserver'])
        assert.equal(statuses[name], 0, `${name}: ${processes.output}`)
    })
  })
}
