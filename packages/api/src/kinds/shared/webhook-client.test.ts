import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fieldErrorText } from '@canopus/apimachinery'
import { validateWebhookClient } from './webhook-client.ts'

const FORM = 'desired format: https://host[/path]'
const textsOf = (client: object): string[] => validateWebhookClient(client, 'c').map(fieldErrorText)

describe('where a webhook is', () => {
  const urls: readonly [string, string[]][] = [
    ['https://x.example.com/a//b', []],
    ['HTTPS://x:99999?', []],
    [
      '',
      [
        `c.url: Invalid value: "": 'https' is the only allowed URL scheme; ${FORM}`,
        `c.url: Invalid value: "": host must be specified; ${FORM}`,
      ],
    ],
    ['https:///a', [`c.url: Invalid value: "": host must be specified; ${FORM}`]],
    ['//x/y', [`c.url: Invalid value: "": 'https' is the only allowed URL scheme; ${FORM}`]],
    ['https://u:p@x', ['c.url: Invalid value: "u:p": user information is not permitted in the URL']],
    ['https://x?a=b', ['c.url: Invalid value: "a=b": query parameters are not permitted in the URL']],
    ['https://x#y', ['c.url: Invalid value: "y": fragments are not permitted in the URL']],
    [':', [`c.url: Required value: url must be a valid URL: parse ":": missing protocol scheme; ${FORM}`]],
    ['%', [`c.url: Required value: url must be a valid URL: parse "%": invalid URL escape "%"; ${FORM}`]],
    [
      'https://x/\x7f',
      [
        `c.url: Required value: url must be a valid URL: parse "https://x/\\x7f": net/url: invalid control character in URL; ${FORM}`,
      ],
    ],
  ]
  for (const [url, expected] of urls) {
    it(JSON.stringify(url), () => assert.deepEqual(textsOf({ url }), expected))
  }

  it('of a service: what is missing is told of the other field, as upstream does', () => {
    assert.deepEqual(textsOf({ service: { name: 'a' } }), ['c.service.name: Required value'])
    assert.deepEqual(textsOf({ service: { namespace: 'a' } }), ['c.service.namespace: Required value'])
  })
})
