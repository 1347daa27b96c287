/**
 * Every component as a process of its own, a node's too, on a containerd that somebody else started: the kubelet joins with a
 * bootstrap token, and a pod reaches another one through a Service and by its name.
 */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runtimePrograms } from '../packages/cli/src/cluster/host-packages.ts'
import {
  connectCri,
  containerdConfig,
  mayLowerOomScore,
  PAUSE_IMAGE,
  registryHostsToml,
} from '../packages/cri/src/index.ts'
import { mergeKubeconfig } from '../packages/host/src/index.ts'
import { nodeSysctls, ptpConflist, readSysctl, writeSysctl } from '../packages/network/src/index.ts'
import {
  type ClusterPki,
  systemClock as clock,
  ensureClusterPki,
  issueClientCertificate,
  run,
  tryRun,
} from '../packages/platform/src/index.ts'
import { containerSkip, freePorts } from './support/cluster.ts'
import { Kubectl } from './support/kubectl.ts'
import { Processes } from './support/processes.ts'
import { TestRegistry } from './support/registry.ts'
import { until } from './support/until.ts'

const launcher = fileURLToPath(new URL('../canopus', import.meta.url))
const manifest = fileURLToPath(new URL('manifests/alone.yaml', import.meta.url))
const BRIDGE = 'cnalone0'
const ADDRESS = '172.31.77.1'
const NODE = 'alone'
const DAY = 86_400_000

const USERS: Record<string, { commonName: string; organizations: string[] }> = {
  admin: { commonName: 'kubernetes-admin', organizations: ['system:masters'] },
  'controller-manager': { commonName: 'system:kube-controller-manager', organizations: [] },
  scheduler: { commonName: 'system:kube-scheduler', organizations: [] },
  proxy: { commonName: 'system:kube-proxy', organizations: [] },
  dns: { commonName: 'system:canopus:dns', organizations: [] },
}

describe('apiserver, controller-manager, scheduler, kubelet, proxy and dns, each alone', {
  skip: containerSkip(),
}, () => {
  const home = mkdtempSync(join(tmpdir(), 'canopus-alone-'))
  const file = (name: string): string => join(home, name)
  const kubectl = new Kubectl(file('admin.kubeconfig'))
  const processes = new Processes()
  const kubelet = new Processes()
  const registry = new TestRegistry()
  const sysctls = Object.keys(nodeSysctls).map(name => [name, readSysctl(name)] as const)
  let pki: ClusterPki
  let mounts: number
  let kubeletPort = 0

  const start = (name: string, ...flags: string[]): void =>
    void processes.start(name, launcher, [name, ...flags.map(flag => `--${flag}`)], { CANOPUS_HOME: home })

  async function writeKubeconfigs(server: string): Promise<void> {
    const common = { name: NODE, server, ca: pki.ca.certificate, makeCurrent: true }
    for (const [name, user] of Object.entries(USERS)) {
      const pair = await issueClientCertificate(pki.ca, { ...user, clock })
      mergeKubeconfig(file(`${name}.kubeconfig`), { ...common, cert: pair.certificate, key: pair.key })
    }
    const bootstrap = new Kubectl(file('bootstrap.kubeconfig'))
    await bootstrap.run([
      'config',
      'set-cluster',
      NODE,
      `--server=${server}`,
      `--certificate-authority=${file('pki/ca.crt')}`,
    ])
    await bootstrap.run(['config', 'set-credentials', 'joining', '--token=abcdef.0123456789abcdef'])
    await bootstrap.run(['config', 'set-context', NODE, `--cluster=${NODE}`, '--user=joining'])
    await bootstrap.run(['config', 'use-context', NODE])
  }

  function startControlPlane(port: number, dnsPort: number): void {
    const key = (name: string): string => file(`pki/${name}`)
    start(
      'apiserver',
      'storage-backend=embedded',
      `data-dir=${file('store')}`,
      `secure-port=${port}`,
      `bind-address=${ADDRESS}`,
      'authorization-mode=Node,RBAC',
      'enable-admission-plugins=NodeRestriction',
      'enable-bootstrap-token-auth=true',
      'service-cluster-ip-range=10.92.0.0/16',
      `service-account-key-file=${key('sa.pub')}`,
      `service-account-signing-key-file=${key('sa.key')}`,
      `client-ca-file=${key('ca.crt')}`,
      `tls-cert-file=${key('apiserver.crt')}`,
      `tls-private-key-file=${key('apiserver.key')}`,
      `kubelet-client-certificate=${key('apiserver-kubelet-client.crt')}`,
      `kubelet-client-key=${key('apiserver-kubelet-client.key')}`,
    )
    start(
      'controller-manager',
      `kubeconfig=${file('controller-manager.kubeconfig')}`,
      'controllers=*',
      'leader-elect=false',
      'secure-port=0',
      'use-service-account-credentials=true',
      'allocate-node-cidrs=true',
      'cluster-cidr=10.93.0.0/16',
      `root-ca-file=${key('ca.crt')}`,
      `service-account-private-key-file=${key('sa.key')}`,
      `cluster-signing-cert-file=${key('ca.crt')}`,
      `cluster-signing-key-file=${key('ca.key')}`,
      'cluster-dns=10.92.0.10',
      `cluster-dns-port=${dnsPort}`,
    )
    start('scheduler', `kubeconfig=${file('scheduler.kubeconfig')}`, 'leader-elect=false', 'secure-port=0')
  }

  /** A mount namespace whose `/` is shared, for containerd and the kubelet together, whatever the machine's own is like. */
  async function startContainerd(): Promise<void> {
    const keep = 'mount --make-rshared / && touch "$0" && exec sleep infinity'
    const ready = file('mounts-are-shared')
    const holder = ['--mount', '--propagation', 'slave', 'sh', '-c', keep, ready]
    mounts = processes.start('mounts', 'unshare', holder).pid!
    await until('a mount namespace', async () => existsSync(ready))
    const programs = runtimePrograms()
    for (const directory of ['cni', 'certs.d/_default', 'kubelet', 'logs'])
      mkdirSync(file(directory), { recursive: true })
    writeFileSync(file('certs.d/_default/hosts.toml'), registryHostsToml(registry.url))
    const network = { podCidr: '10.93.0.0/24', ipamDirectory: file('ipam'), mtu: 1500 }
    writeFileSync(file('cni/10-pods.conflist'), ptpConflist(network))
    writeFileSync(
      file('containerd.toml'),
      containerdConfig({
        root: file('containerd/root'),
        state: file('containerd/state'),
        socket: file('containerd.sock'),
        cniBinDir: programs.cniDirectory,
        cniConfDir: file('cni'),
        certsDir: file('certs.d'),
        sandboxImage: PAUSE_IMAGE,
        cgroupDriver: 'cgroupfs',
        runtimes: [{ name: 'runc', path: programs.runc }],
        mayLowerOomScore: mayLowerOomScore(),
      }),
    )
    processes.start('containerd', 'nsenter', [...inMounts(), programs.containerd, '--config', file('containerd.toml')])
  }
  const inMounts = (): string[] => [`--mount=/proc/${mounts}/ns/mnt`, '--']

  function startKubelet(): void {
    const configuration = {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      authentication: { anonymous: { enabled: false }, x509: { clientCAFile: 'pki/ca.crt' } },
      clusterDNS: ['10.92.0.10'],
      clusterDomain: 'cluster.local',
      rotateCertificates: true,
    }
    writeFileSync(file('kubelet.yaml'), JSON.stringify(configuration))
    const flags = [
      `--config=${file('kubelet.yaml')}`,
      `--bootstrap-kubeconfig=${file('bootstrap.kubeconfig')}`,
      `--kubeconfig=${file('kubelet.kubeconfig')}`,
      `--container-runtime-endpoint=unix://${file('containerd.sock')}`,
      `--root-dir=${file('kubelet')}`,
      `--pod-logs-dir=${file('logs')}`,
      `--hostname-override=${NODE}`,
      `--node-ip=${ADDRESS}`,
      `--address=${ADDRESS}`,
      `--port=${kubeletPort}`,
      '--node-labels=disk=ssd',
    ]
    kubelet.start('kubelet', 'nsenter', [...inMounts(), launcher, 'kubelet', ...flags])
  }

  before(async () => {
    await registry.start()
    await run('ip', ['link', 'add', BRIDGE, 'type', 'bridge'])
    await run('ip', ['address', 'add', `${ADDRESS}/24`, 'dev', BRIDGE])
    await run('ip', ['link', 'set', BRIDGE, 'up'])
    const [port, dnsPort, ownPort] = (await freePorts(3)) as [number, number, number]
    kubeletPort = ownPort
    pki = await ensureClusterPki(file('pki'), { clusterName: NODE, addresses: [ADDRESS, '10.92.0.1'], clock })
    await writeKubeconfigs(`https://${ADDRESS}:${port}`)
    startControlPlane(port, dnsPort)
    await startContainerd()
    const ready = async (): Promise<boolean> => (await kubectl.try(['get', '--raw', '/readyz'])).stdout === 'ok'
    await until(() => `the API server is ready: ${processes.output}`, ready)
    start(
      'proxy',
      `kubeconfig=${file('proxy.kubeconfig')}`,
      'cluster-cidr=10.93.0.0/16',
      `hostname-override=${NODE}`,
      'nft-table=canopus_alone',
    )
    // What it may do is granted by the controller manager, which starts at the same time.
    const granted = async (): Promise<boolean> =>
      (await kubectl.try(['get', 'clusterrolebinding', 'system:canopus:dns'])).code === 0
    await until(() => `the rights of the DNS server: ${processes.output}`, granted)
    start('dns', `kubeconfig=${file('dns.kubeconfig')}`, `listen=${ADDRESS}:${dnsPort}`, 'forward-to=none')
    await kubectl.run(['apply', '-f', manifest])
    startKubelet()
  })

  after(async () => {
    await removePods()
    await kubelet.stop()
    await processes.stop()
    registry.stop()
    await tryRun('nft', ['delete', 'table', 'ip', 'canopus_alone'])
    await tryRun('ip', ['link', 'delete', BRIDGE])
    for (const [name, value] of sysctls) if (value !== undefined) writeSysctl(name, value)
    rmSync(home, { recursive: true, force: true })
  })

  /** What a test that failed has left; containers outlive everything that could remove them. */
  async function removePods(): Promise<void> {
    if (!existsSync(file('containerd.sock'))) return
    const cri = connectCri(file('containerd.sock'), clock)
    try {
      for (const { id } of (await cri.listPodSandbox()).items) {
        await cri.stopPodSandbox({ podSandboxId: id })
        await cri.removePodSandbox({ podSandboxId: id })
      }
    } finally {
      cri.close()
    }
  }

  const requestsOf = async (user: string): Promise<string> => {
    const rows = await kubectl.run(['get', 'csr', '--no-headers'])
    return rows
      .split('\n')
      .filter(row => row.includes(` ${user} `))
      .join('\n')
  }

  it('the kubelet asks for a certificate with the bootstrap token, and its node becomes ready', async () => {
    await until(
      () => `the node registers: ${kubelet.output}`,
      async () => (await kubectl.try(['get', 'node', NODE])).code === 0,
    )
    await kubectl.wait(`node/${NODE}`, 'condition=Ready')
    assert.match(
      await requestsOf('system:bootstrap:abcdef'),
      /^\S+ +\S+ +kubernetes\.io\/kube-apiserver-client-kubelet +system:bootstrap:abcdef +\S+ +Approved,Issued$/,
    )
    const path = file('kubelet/pki/kubelet-client-current.pem')
    const certificate = new X509Certificate(readFileSync(path))
    assert.equal(certificate.subject, `O=system:nodes\nCN=system:node:${NODE}`)
    const written = new Kubectl(file('kubelet.kubeconfig'))
    assert.match(await written.run(['config', 'view', '--raw']), new RegExp(`client-certificate: ${path}`))
    assert.match(await written.run(['get', 'node', NODE]), /alone +Ready/)
    assert.match((await written.try(['get', 'secrets', '-A'])).stderr, /User "system:node:alone" cannot list resource/)
    assert.equal(
      await kubectl.run(['get', 'node', NODE, '-o', 'jsonpath={.metadata.labels.disk} {.spec.podCIDR}']),
      'ssd 10.93.0.0/24',
    )
  })

  it('a pod reaches another one through a Service, by its name', async () => {
    await kubectl.wait('deployment/web', 'condition=Available')
    await kubectl.wait('pod/client', 'condition=Ready')
    const get = ['exec', 'client', '--', 'timeout', '30', 'wget', '-qO-', 'http://web:8080']
    const answered = async (): Promise<boolean> => /Hello from Canopus!/.test((await kubectl.try(get)).stdout)
    await until(() => `web answers: ${processes.output}`, answered)
    const whole = 'web.default.svc.cluster.local'
    const found = await kubectl.run(['exec', 'client', '--', 'nslookup', `${whole}.`])
    assert.ok(found.includes(await kubectl.run(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}'])), found)
    await kubectl.run(['exec', 'client', '--', 'sh', '-c', 'echo | timeout 30 nc kubernetes.default 443'])
  })

  it('a kubelet that starts again renews a certificate near its end with itself; the containers run on', async () => {
    const containers = ['get', 'pods', '-o', 'jsonpath={.items[*].status.containerStatuses[0].containerID}']
    const before = await kubectl.run(containers)
    assert.equal((await kubelet.stop()).kubelet, 0, kubelet.output)
    const old = await issueClientCertificate(pki.ca, {
      commonName: `system:node:${NODE}`,
      organizations: ['system:nodes'],
      clock: { ...clock, now: () => Date.now() - 360 * DAY },
      validity: 365 * DAY,
    })
    const path = file('kubelet/pki/kubelet-client-current.pem')
    writeFileSync(path, old.certificate + old.key)
    startKubelet()
    await until(
      () => `the certificate is renewed: ${kubelet.output}`,
      async () => /Approved,Issued/.test(await requestsOf(`system:node:${NODE}`)),
    )
    await until('a new certificate in its file', async () => readFileSync(path, 'utf8') !== old.certificate + old.key)
    assert.ok(Date.parse(new X509Certificate(readFileSync(path)).validTo) > Date.now() + 300 * DAY)
    await kubectl.wait(`node/${NODE}`, 'condition=Ready')
    assert.equal(await kubectl.run(containers), before)
    assert.match(await kubectl.run(['exec', 'client', '--', 'hostname']), /^client$/m)
  })

  it('everything ends with status 0, and leaves nothing when it is cleaned up', async () => {
    await kubectl.run(['delete', 'deployment,pod,service', '--all', '--timeout=170s'])
    const gone = await kubectl.try(['wait', 'pods', '--all', '--for=delete', '--timeout=170s'])
    assert.equal(
      gone.code,
      0,
      `${gone.stderr}${await kubectl.run(['get', 'all', '-o', 'yaml'])}${processes.output}${kubelet.output}`,
    )
    await until('the pods leave no trace', async () =>
      [mountsOf('/netns/'), readdirSync(file('logs')), readdirSync(file('kubelet/pods'))].every(
        each => each.length === 0,
      ),
    )
    assert.equal((await kubelet.stop()).kubelet, 0, kubelet.output)
    const statuses = await processes.stop()
    for (const name of ['dns', 'proxy', 'scheduler', 'controller-manager', 'apiserver'])
      assert.equal(statuses[name], 0, `${name}: ${processes.output}`)
    const table = ['list', 'table', 'ip', 'canopus_alone']
    assert.equal((await tryRun('nft', table)).code, 0, 'connections outlive the proxy')
    await run(launcher, ['proxy', '--cleanup', '--nft-table=canopus_alone'])
    assert.notEqual((await tryRun('nft', table)).code, 0)
    assert.doesNotMatch(await run('ip', ['route']), /10\.93\./)
    const forbidden = `${processes.output}${kubelet.output}`.split('\n').filter(line => line.includes('forbidden'))
    assert.deepEqual(forbidden, [])
  })

  function mountsOf(text: string): string[] {
    const lines = readFileSync(`/proc/${mounts}/mounts`, 'utf8').split('\n')
    return lines.filter(line => line.includes(home) && line.includes(text))
  }
})
