import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { namedCertKeys, SniCertificates } from './sni-certificates.ts'

describe('--tls-sni-cert-key', () => {
  const read: [string, string, string, string[]][] = [
    ['foo.crt,foo.key', 'foo.crt', 'foo.key', []],
    ['  foo.crt , foo.key    ', 'foo.crt', 'foo.key', []],
    ['foo.crt,foo.key:abc', 'foo.crt', 'foo.key', ['abc']],
    ['foo.crt,foo.key: *.abc , def', 'foo.crt', 'foo.key', ['*.abc', 'def']],
    ['foo.crt,foo.key:::1', 'foo.crt', 'foo.key', ['::1']],
  ]
  for (const [text, certFile, keyFile, names] of read)
    it(JSON.stringify(text), () => assert.deepEqual(namedCertKeys(text, undefined), [{ certFile, keyFile, names }]))

  const refused: [string, RegExp][] = [
    ['', /expected comma separated/],
    ['foo.crt', /expected comma separated/],
    ['foo.crt:abc', /expected comma separated/],
    ['a,b,c', /expected comma separated/],
    ['foo.crt,foo.key:', /empty names list/],
    ['foo.crt,foo.key:  ', /empty names list/],
  ]
  for (const [text, message] of refused)
    it(`${JSON.stringify(text)} is none`, () => assert.throws(() => namedCertKeys(text, undefined), message))

  it('may be repeated', () => {
    const both = namedCertKeys('c,d:e', namedCertKeys('a,b', undefined))
    assert.deepEqual(
      both.map(each => each.certFile),
      ['a', 'c'],
    )
  })

  it('needs files that can be read', () =>
    assert.throws(
      () => new SniCertificates({ tlsSniCertKey: namedCertKeys('/nowhere.crt,/nowhere.key', undefined) }),
      /--tls-sni-cert-key: \/nowhere.crt cannot be read/,
    ))
})
