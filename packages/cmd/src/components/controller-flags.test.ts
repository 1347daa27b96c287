/** Flags of single controllers: what they come to, and which contradict each other. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { Failure } from '@canopus/cli'
import { Command } from 'commander'
import { addControllerFlags, type ControllerFlags, controllerOptions } from './controller-flags.ts'

const directory = mkdtempSync(join(tmpdir(), 'canopus-controller-flags-'))
after(() => rmSync(directory, { recursive: true }))
const pem = join(directory, 'pem')
writeFileSync(pem, 'PEM')

const options = (args: readonly string[], more: Partial<ControllerFlags> = {}) => {
  const command = new Command('test').exitOverride().configureOutput({ writeErr: () => {} })
  addControllerFlags(command)
  return controllerOptions({ ...command.parse(args, { from: 'user' }).opts<ControllerFlags>(), ...more })
}
const pair = (words: string): string[] => [`--${words}-cert-file`, pem, `--${words}-key-file`, pem]
const ipam = (...clusterCidr: string[]) => ({ allocateNodeCidrs: true, clusterCidr })

describe('what flags of controllers come to', () => {
  it('workers, batches and periods', () => {
    const found = options([
      ...['--concurrent-gc-syncs=7', '--mirroring-concurrent-service-endpoint-syncs', '3'],
      ...['--max-endpoints-per-slice=10', '--endpointslice-updates-batch-period', '500ms'],
      ...['--endpoint-updates-batch-period=1s', '--mirroring-max-endpoints-per-subset=20'],
      ...['--resource-quota-sync-period=1m', '--legacy-service-account-token-clean-up-period=1h'],
    ])
    assert.deepEqual(found, {
      workers: { 'garbage-collector-controller': 7, 'endpointslice-mirroring-controller': 3 },
      endpoints: { batchPeriod: 1000 },
      endpointSlices: { batchPeriod: 500, maxEndpointsPerSlice: 10 },
      mirroring: { maxEndpointsPerSubset: 20 },
      resourceQuota: { syncPeriod: 60_000 },
      legacyTokens: { cleanUpPeriod: 3_600_000 },
    })
  })

  const masks: [args: string[], cidrs: string[], expected: object | RegExp][] = [
    [
      ['--node-cidr-mask-size-ipv4=26', '--node-cidr-mask-size-ipv6=80'],
      ['10.0.0.0/8', 'fd00::/48'],
      { v4: 26, v6: 80 },
    ],
    [['--node-cidr-mask-size-ipv6=80'], ['fd00::/48'], { v6: 80 }],
    [['--node-cidr-mask-size-ipv6=80'], ['10.0.0.0/8'], /ipv6 is not allowed for a single-stack IPv4 cluster/],
    [['--node-cidr-mask-size-ipv4=26'], ['fd00::/48'], /ipv4 is not allowed for a single-stack IPv6 cluster/],
  ]
  for (const [args, cidrs, expected] of masks)
    it(`${args.join(' ')} for ${cidrs.join(' and ')}`, () => {
      if (expected instanceof RegExp) assert.throws(() => options(args, ipam(...cidrs)), expected)
      else {
        const { maskSizeIpv4: v4, maskSizeIpv6: v6 } = options(args, ipam(...cidrs)).nodeIpam!
        assert.deepEqual({ ...(v4 ? { v4 } : {}), ...(v6 ? { v6 } : {}) }, expected)
      }
    })

  it('one mask size is that of the only family, and none of two', () => {
    const found = options([], { ...ipam('fd00::/48'), nodeCidrMaskSize: 72 }).nodeIpam
    assert.equal(found?.maskSizeIpv6, 72)
    assert.throws(
      () => options([], { ...ipam('10.0.0.0/8', 'fd00::/48'), nodeCidrMaskSize: 24 }),
      /node-cidr-mask-size is not allowed with dual-stack/,
    )
  })

  it('an authority for each signer, or one for all', () => {
    const own = options(pair('cluster-signing-kubelet-client'))
    assert.deepEqual(own.signerCas, {
      'kubernetes.io/kube-apiserver-client-kubelet': { certificate: 'PEM', key: 'PEM' },
    })
    const all = { clusterSigningCertFile: pem, clusterSigningKeyFile: pem }
    assert.deepEqual(options([], all).signingCa, { certificate: 'PEM', key: 'PEM' })
    assert.throws(() => options(pair('cluster-signing-legacy-unknown'), all), /cannot specify --cluster-signing-/)
    assert.throws(
      () => options(['--cluster-signing-legacy-unknown-key-file', pem]),
      new Failure(
        '--cluster-signing-legacy-unknown-cert-file and --cluster-signing-legacy-unknown-key-file belong together',
      ),
    )
  })

  it('counts out of their bounds are refused', () => {
    assert.throws(() => options(['--concurrent-service-endpoint-syncs=51']), /not a whole number from 1 to 50/)
    assert.throws(() => options(['--max-endpoints-per-slice=0']), /not a whole number from 1 to 1000/)
  })
})
