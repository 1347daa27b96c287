import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ApiRequest } from './message.ts'
import { serveContent } from './serve-content.ts'

const MODIFIED = Date.UTC(2026, 10, 29, 12, 0, 0, 500)
const content = {
  body: [Buffer.from('0123'), Buffer.from('456789')],
  contentType: 'application/json',
  etag: '"A"',
  modified: MODIFIED,
  vary: 'Accept',
}
const serve = (headers: Record<string, string>, etag: string | undefined = '"A"', method = 'GET') =>
  serveContent({ method, headers } as unknown as ApiRequest, {
    ...content,
    ...(etag === '' ? { etag: undefined as never } : { etag }),
  })

describe('documents with conditions', () => {
  const rows: readonly [headers: Record<string, string>, status: number][] = [
    [{}, 200],
    [{ 'if-none-match': '"A"' }, 304],
    [{ 'if-none-match': 'W/"A"' }, 304],
    [{ 'if-none-match': '"B", "A"' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': 'A' }, 200],
    [{ 'if-none-match': '"B"', 'if-modified-since': 'Sun, 29 Nov 2037 00:00:00 GMT' }, 200],
    [{ 'if-modified-since': 'Sun, 29 Nov 2026 12:00:00 GMT' }, 304],
    [{ 'if-modified-since': 'Sun, 29 Nov 2026 11:59:59 GMT' }, 200],
    [{ 'if-modified-since': 'yesterday' }, 200],
  ]
  for (const [headers, status] of rows) {
    it(JSON.stringify(headers), () => {
      const answer = serve(headers)
      assert.equal(answer.status, status)
      assert.equal(answer.headers.etag, '"A"')
      assert.equal(answer.headers['last-modified'], status === 304 ? undefined : 'Sun, 29 Nov 2026 12:00:00 GMT')
    })
  }

  it('other methods are answered in full', () => {
    assert.equal(serve({ 'if-none-match': '*' }, '"A"', 'POST').status, 200)
  })

  const parts: readonly [range: string, status: number, text: string, range: string | undefined][] = [
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=2-5', 206, '2345', 'bytes 2-5/10'],
    ['bytes=8-', 206, '89', 'bytes 8-9/10'],
    ['bytes=-3', 206, '789', 'bytes 7-9/10'],
    ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
    ['bytes=10-', 416, 'invalid range: failed to overlap\n', 'bytes */10'],
    ['lines=1-2', 200, '0123456789', undefined],
  ]
  for (const [asked, status, text, range] of parts) {
    it(asked, () => {
      const answer = serve({ range: asked })
      const body = answer.body as Uint8Array | readonly Uint8Array[]
      const whole = body instanceof Uint8Array ? body : Buffer.concat(body)
      assert.deepEqual([answer.status, Buffer.from(whole).toString()], [status, text])
      assert.equal(answer.headers['content-range'], range)
    })
  }
})
