import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type PeerFlags, peerAddress, peersOptions } from './peer-flags.ts'

describe('where other API servers reach one', () => {
  const cases: [title: string, flags: PeerFlags, host: string, address: string][] = [
    ['where it advertises itself', {}, '10.0.0.1', '10.0.0.1:6443'],
    ['an IPv6 address', {}, 'fd00::1', '[fd00::1]:6443'],
    ['an address of its own', { peerAdvertiseIp: '10.0.0.2', peerAdvertisePort: '443' }, '10.0.0.1', '10.0.0.2:443'],
    ['not with an address alone', { peerAdvertiseIp: '10.0.0.2' }, '10.0.0.1', '10.0.0.1:6443'],
  ]
  for (const [title, flags, host, address] of cases) {
    it(title, () => assert.equal(peerAddress(flags, host, 6443), address))
  }
})

describe('--peer-ca-file', () => {
  const client = { cert: 'cert', key: 'key' }

  it('is not needed', () => assert.deepEqual(peersOptions({}, {}), {}))

  it('goes with a certificate for the others', () => {
    assert.throws(
      () => peersOptions({ peerCaFile: 'ca.crt' }, {}),
      /error building peer proxy handler, proxy-cert-file not specified/,
    )
  })

  it('goes with its feature', () => {
    assert.throws(
      () => peersOptions({ peerCaFile: 'ca.crt' }, { proxyClient: () => client }, false),
      /--peer-ca-file requires UnknownVersionInteroperabilityProxy feature to be turned on/,
    )
  })

  it('is read', () => {
    const directory = mkdtempSync(join(tmpdir(), 'canopus-peer-flags-'))
    try {
      const peerCaFile = join(directory, 'ca.crt')
      writeFileSync(peerCaFile, 'authorities')
      const { peers } = peersOptions({ peerCaFile }, { proxyClient: () => client })
      assert.equal(peers?.authorities, 'authorities')
      assert.equal(peers?.proxyClient(), client)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })
})
