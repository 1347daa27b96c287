import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { Command } from 'commander'
import { applyComponentConfig, type ConfigKind, readComponentConfig } from './component-config.ts'
import { KUBELET_CONFIGURATION } from './kubelet-config.ts'
import { PROXY_CONFIGURATION } from './proxy.ts'

const directory = mkdtempSync(join(tmpdir(), 'canopus-config-'))
after(() => rmSync(directory, { recursive: true }))

function read(kind: ConfigKind, lines: readonly string[]): Record<string, unknown> {
  const path = join(directory, 'config.yaml')
  writeFileSync(path, [`apiVersion: ${kind.apiVersion}`, `kind: ${kind.kind}`, ...lines].join('\n'))
  return readComponentConfig(path, kind)
}

describe('configuration files of components', () => {
  const good: [string, ConfigKind, string[], Record<string, unknown>][] = [
    ['an empty one', KUBELET_CONFIGURATION, [], {}],
    [
      'a kubelet’s',
      KUBELET_CONFIGURATION,
      [
        'authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: pki/ca.crt}}',
        'authorization: {mode: Webhook}',
        'cgroupDriver: systemd',
        'clusterDNS: [10.96.0.10]',
        'clusterDomain: cluster.local',
        'containerRuntimeEndpoint: ""',
        'enableSystemLogHandler: true',
        'enableSystemLogQuery: true',
        'logging: {format: text, verbosity: 4}',
        'maxPods: 20',
        'registerWithTaints: [{key: dedicated, value: db, effect: NoSchedule}]',
        'rotateCertificates: true',
        'systemReserved: {cpu: 200m}',
        'tlsCertFile: /etc/kubelet.crt',
      ],
      {
        cgroupDriver: 'systemd',
        clientCaFile: join(directory, 'pki/ca.crt'),
        clusterDns: ['10.96.0.10'],
        clusterDomain: 'cluster.local',
        enableSystemLogQuery: true,
        loggingFormat: 'text',
        maxPods: 20,
        registerWithTaints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }],
        rotateCertificates: true,
        systemReserved: { cpu: '200m' },
        tlsCertFile: '/etc/kubelet.crt',
        v: 4,
      },
    ],
    [
      'a proxy’s',
      PROXY_CONFIGURATION,
      ['clientConnection: {kubeconfig: /etc/proxy.conf}', 'clusterCIDR: 10.244.0.0/16', 'mode: nftables'],
      { kubeconfig: '/etc/proxy.conf', clusterCidr: '10.244.0.0/16' },
    ],
  ]
  for (const [name, kind, lines, expected] of good) test(name, () => assert.deepEqual(read(kind, lines), expected))

  const bad: [ConfigKind, string[], RegExp][] = [
    [
      KUBELET_CONFIGURATION,
      ['maxPod: 3', 'authentication: {x509: {ca: x}}'],
      /does not have: maxPod, authentication\.x509\.ca$/,
    ],
    [KUBELET_CONFIGURATION, ['maxPods: many'], /config\.yaml: maxPods: expected a whole number$/],
    [KUBELET_CONFIGURATION, ['clusterDNS: 10.0.0.1'], /clusterDNS: expected a list of texts$/],
    [
      KUBELET_CONFIGURATION,
      ['authentication: {anonymous: {enabled: true}}'],
      /anonymous\.enabled is always false in Canopus$/,
    ],
    [KUBELET_CONFIGURATION, ['cgroupDriver: none'], /cgroupDriver: expected cgroupfs or systemd$/],
    [KUBELET_CONFIGURATION, ['authorization: 3'], /authorization must be an object$/],
    [PROXY_CONFIGURATION, ['mode: iptables'], /mode is always nftables in Canopus$/],
  ]
  for (const [kind, lines, message] of bad)
    test(`refused: ${lines[0]}`, () => assert.throws(() => read(kind, lines), { message }))

  test('another kind, and no file', () => {
    const path = join(directory, 'other.yaml')
    writeFileSync(path, 'apiVersion: v1\nkind: Pod\n')
    assert.throws(() => readComponentConfig(path, PROXY_CONFIGURATION), /no kind "Pod" is registered for version "v1"/)
    writeFileSync(path, '- 1\n')
    assert.throws(() => readComponentConfig(path, PROXY_CONFIGURATION), /the file holds no object/)
    assert.throws(
      () => readComponentConfig(join(directory, 'none'), PROXY_CONFIGURATION),
      /--config: .*none cannot be read/,
    )
  })

  test('what was typed wins where flags do', () => {
    const path = join(directory, 'proxy.yaml')
    const { apiVersion, kind } = PROXY_CONFIGURATION
    writeFileSync(path, JSON.stringify({ apiVersion, kind, clusterCIDR: '10.1.0.0/16', hostnameOverride: 'file' }))
    const options = (flagsWin: (flag: string) => boolean): Record<string, unknown> => {
      const command = new Command().option('--cluster-cidr <cidr>').option('--hostname-override <name>')
      command.parse(['--cluster-cidr=10.2.0.0/16', '--hostname-override=typed'], { from: 'user' })
      applyComponentConfig(command, path, PROXY_CONFIGURATION, flagsWin)
      return command.opts()
    }
    assert.deepEqual(
      options(() => true),
      { clusterCidr: '10.2.0.0/16', hostnameOverride: 'typed' },
    )
    assert.deepEqual(
      options(flag => flag === 'hostnameOverride'),
      { clusterCidr: '10.1.0.0/16', hostnameOverride: 'typed' },
    )
  })
})
