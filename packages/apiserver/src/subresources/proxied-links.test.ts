import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { linkReplacement, proxiedLink, replaceLinks } from './proxied-links.ts'

const page = { backend: '10.0.0.1:80', host: 'localhost:8001', prefix: '/api/v1/namespaces/n/services/s/proxy' }
const P = page.prefix

describe('a link of a proxied page', () => {
  const cases: readonly [string, string][] = [
    ['/a/b', `${P}/a/b`],
    ['/a/b/?q=1#here', `${P}/a/b/?q=1#here`],
    ['/', `${P}/`],
    ['/a/../b//c', `${P}/b/c`],
    ['a/b', 'a/b'],
    ['../a', '../a'],
    ['?q', '?q'],
    ['#here', '#here'],
    ['', ''],
    ['mailto:somebody', 'mailto:somebody'],
    ['https://example.com/a', 'https://example.com/a'],
    ['//example.com/a', '//example.com/a'],
    ['http://10.0.0.1:80/a', `${P}/a`],
    ['http://10.0.0.1/a', 'http://10.0.0.1/a'],
    ['http://localhost:8001/a', `http://localhost:8001${P}/a`],
    [`${P}/a`, `${P}/a`],
  ]
  for (const [link, expected] of cases) it(link || 'empty', () => assert.equal(proxiedLink(link, page), expected))
})

describe('links of a page', () => {
  const upper = (html: string): string => replaceLinks(html, link => link.toUpperCase())
  const cases: readonly [string, string][] = [
    ['<a href="/x">/y</a>', '<a href="/X">/y</a>'],
    ["<A class=c HREF = '/x' title=/t>", "<A class=c HREF = '/X' title=/t>"],
    ['<img src=/x usemap=#m><p src="/n">', '<img src=/X usemap=#M><p src="/n">'],
    ['<link href="/x"/><br/><base href="/b">', '<link href="/X"/><br/><base href="/B">'],
    ['<a href="/x?a=b&amp;c=d">', '<a href="/X?A=B&amp;C=D">'],
    ['<a title="href=\'/t\' >" href="/x">', '<a title="href=\'/t\' >" href="/X">'],
    ['<!-- <a href="/c"> --><a href="/x">', '<!-- <a href="/c"> --><a href="/X">'],
    ['<script src="/s">"<a href=/no>"</script><a href="/x">', '<script src="/S">"<a href=/no>"</script><a href="/X">'],
    ['<title><a href="/no"></title >', '<title><a href="/no"></title >'],
    ['1 < 2 <a href="/x', '1 < 2 <a href="/x'],
    ['<a data-1="a href=/no" b"c href="/x" =d>', '<a data-1="a href=/no" b"c href="/X" =d>'],
    ['<a href="/x', '<a href="/x'],
    ['<a href= ><img src="/x">', '<a href= ><img src="/X">'],
    ['<!doctype html><html manifest="/m">', '<!doctype html><html manifest="/M">'],
  ]
  it('take no longer than the page is long', () => {
    for (const piece of ['<a "', '<a href="', '<!--', '<', '</', '<script>', '<a =', '<a  ']) {
      const html = piece.repeat(200_000)
      assert.equal(upper(html), html)
    }
  })

  for (const [html, expected] of cases) it(html, () => assert.equal(upper(html), expected))
})

describe('a proxied answer', () => {
  const through = async (headers: Record<string, string>, body: Buffer): Promise<Buffer> => {
    let stream: Readable = Readable.from([body.subarray(0, 5), body.subarray(5)])
    for (const each of linkReplacement(headers, page)) stream = stream.pipe(each)
    return buffer(stream)
  }
  const html = Buffer.from('<a href="/x">\xff</a>', 'latin1')
  const replaced = Buffer.from(`<a href="${P}/x">\xff</a>`, 'latin1')

  it('has its links replaced where it is a page', async () => {
    const headers = { 'content-type': 'text/html; charset=utf-8', 'content-length': '1' }
    assert.deepEqual(await through(headers, html), replaced)
    assert.deepEqual(headers, { 'content-type': 'text/html; charset=utf-8' })
    const zipped = await through({ 'content-type': 'text/html', 'content-encoding': 'gzip' }, gzipSync(html))
    assert.deepEqual(gunzipSync(zipped), replaced)
  })

  it('stays as it is else', async () => {
    assert.deepEqual(await through({ 'content-type': 'text/plain' }, html), html)
    assert.deepEqual(await through({ 'content-type': 'text/html', location: '/x' }, html), html)
    assert.deepEqual(await through({ 'content-type': 'text/html', 'content-encoding': 'br' }, html), html)
  })
})
