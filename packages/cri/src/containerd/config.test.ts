import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContainerdOptions, containerdConfig, registryHostsToml } from './config.ts'

const options: ContainerdOptions = {
  root: '/var/lib/x/root',
  state: '/run/x',
  socket: '/run/x/c.sock',
  cniBinDir: '/usr/lib/cni',
  cniConfDir: '/etc/cni',
  certsDir: '/etc/certs.d',
  sandboxImage: 'pause:1',
  cgroupDriver: 'cgroupfs',
  runtimes: [{ name: 'runc', path: '/usr/sbin/runc' }],
  mayLowerOomScore: true,
}

const cases: { name: string; change: Partial<ContainerdOptions>; has: string[] }[] = [
  {
    name: 'cgroupfs and full capabilities',
    change: {},
    has: ['SystemdCgroup = false', 'restrict_oom_score_adj = false', 'ttrpc]\n  address = "/run/x/c.sock.ttrpc"'],
  },
  { name: 'systemd', change: { cgroupDriver: 'systemd' }, has: ['SystemdCgroup = true'] },
  { name: 'no CAP_SYS_RESOURCE', change: { mayLowerOomScore: false }, has: ['restrict_oom_score_adj = true'] },
  {
    name: 'crun first',
    change: { runtimes: [{ name: 'crun', path: '/usr/bin/crun' }] },
    has: ['default_runtime_name = "crun"', 'runtimes.crun]', 'BinaryName = "/usr/bin/crun"'],
  },
  { name: 'quotes in paths', change: { root: '/a"b' }, has: ['root = "/a\\"b"'] },
]

for (const { name, change, has } of cases)
  test(`containerd configuration: ${name}`, () => {
    const config = containerdConfig({ ...options, ...change })
    for (const part of has) assert.ok(config.includes(part), `${part}\n---\n${config}`)
  })

test('a mirror is named as server too', () => {
  assert.equal(
    registryHostsToml('http://127.0.0.1:5000'),
    'server = "http://127.0.0.1:5000"\n\n[host."http://127.0.0.1:5000"]\n  capabilities = ["pull", "resolve"]\n',
  )
})
