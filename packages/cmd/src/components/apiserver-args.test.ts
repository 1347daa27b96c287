import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, describe, it } from 'node:test'
import { silentLogger } from '@canopus/base'
import { systemClock } from '@canopus/platform'
import { createMemoryStore } from '@canopus/store'
import { applyApiServerArgs, checkedApiServerArgs } from './apiserver-args.ts'

const directory = mkdtempSync(join(tmpdir(), 'canopus-args-'))
after(() => rmSync(directory, { recursive: true }))

function file(name: string, content: string): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

describe('arguments of the API server', () => {
  it('are kept with whole names of files', () => {
    const path = file('tokens.csv', 'secret,jane,1\n')
    const short = relative(process.cwd(), path)
    const args = ['max-requests-inflight=10', 'anonymous-auth=false', `token-auth-file=${short}`]
    assert.deepEqual(checkedApiServerArgs(args), [args[0], args[1], `token-auth-file=${path}`])
    const logs = ['audit-log-path=-', 'audit-log-path=made/later.log']
    assert.deepEqual(checkedApiServerArgs(logs), [logs[0], `audit-log-path=${join(process.cwd(), 'made/later.log')}`])
  })

  const refused: readonly [string, RegExp][] = [
    ['nonsense=1', /--apiserver-arg: unknown option '--nonsense=1'/],
    [
      'max-requests-inflight=many',
      /--apiserver-arg: option '--max-requests-inflight <count>' argument 'many' is invalid/,
    ],
    ['client-ca-file=/x', /--apiserver-arg client-ca-file=\/x: the cluster decides that itself/],
    ['audit-policy-file=/nowhere', /--apiserver-arg audit-policy-file: there is no file \/nowhere/],
  ]
  for (const [arg, message] of refused) {
    it(`are refused: ${arg}`, () => assert.throws(() => checkedApiServerArgs([arg]), message))
  }

  it('come to security, serving, audit and encryption', async () => {
    const policy = file('policy.yaml', 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n')
    const secret = Buffer.alloc(32, 1).toString('base64')
    const providers = `[{aesgcm: {keys: [{name: one, secret: ${secret}}]}}]`
    const encryption = file(
      'encryption.yaml',
      `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources: [{resources: [secrets], providers: ${providers}}]\n`,
    )
    const applied = await applyApiServerArgs(
      [
        'max-requests-inflight=7',
        'disable-admission-plugins=ResourceQuota',
        'default-unreachable-toleration-seconds=7',
        'event-ttl=90s',
        `audit-policy-file=${policy}`,
        `audit-log-path=${join(directory, 'audit.log')}`,
        `encryption-provider-config=${encryption}`,
      ],
      'me',
      silentLogger,
    )
    const { serving, security, auditor, tracing } = applied.extras
    assert.equal(serving?.maxRequestsInflight, 7)
    assert.equal(applied.extras.eventTtl, 90_000)
    assert.deepEqual(security?.defaultTolerations, { notReady: 300, unreachable: 7 })
    assert.deepEqual(security?.disabledAdmission, ['ResourceQuota'])
    assert.ok(auditor)
    assert.equal(tracing, undefined)
    const inner = createMemoryStore({ clock: systemClock })
    const key = '/registry/secrets/default/a'
    await applied.stored(inner).create(key, () => Buffer.from('plain'))
    assert.match(Buffer.from((await inner.get(key))!.value).toString('latin1'), /^k8s:enc:aesgcm:v1:one:/)
    await auditor.close()
    await inner.close()
  })

  it('change nothing where there are none', async () => {
    const { extras, stored } = await applyApiServerArgs([], 'me', silentLogger)
    const store = createMemoryStore({ clock: systemClock })
    assert.equal(stored(store), store)
    assert.deepEqual([extras.auditor, extras.tracing], [undefined, undefined])
    assert.deepEqual(
      Object.keys(extras.security ?? {}).filter(name => /Ca$|Key|bootstrap/.test(name)),
      [],
    )
    await store.close()
  })
})
