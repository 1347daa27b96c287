import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { identityName } from './server-identity.ts'

describe('the name of an API server', () => {
  const names: readonly [string, string][] = [
    ['a', 'apiserver-2tpgmlbwcz6wvzejdfn7mej2p4'],
    ['control-plane-1', 'apiserver-ktnciuvxljjqohol43g65rthde'],
  ]
  for (const [host, name] of names) it(`on ${host}`, () => assert.equal(identityName(host), name))
})
