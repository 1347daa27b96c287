/** Groups that lie at another address, in a token of another issuer. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { exportJWK, SignJWT } from 'jose'
import { JwtAuthenticator } from './jwt-authenticator.ts'

const NOW = Date.UTC(2026, 0, 1)
const OWN = 'https://issuer.example.com'
const OTHER = 'https://groups.example.com'
const ENDPOINT = 'https://api.example.com/groups'

const newPair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pairs: Readonly<Record<string, ReturnType<typeof newPair>>> = {
  [OWN]: newPair(),
  [OTHER]: newPair(),
}

function token(iss: string, claims: Record<string, unknown>): Promise<string> {
  return new SignJWT({ iss, aud: 'canopus', sub: 'jane', exp: NOW / 1000 + 60, ...claims })
    .setProtectedHeader({ alg: 'ES256' })
    .sign(pairs[iss]!.privateKey)
}

async function fetchJson(url: string): Promise<unknown> {
  const iss = [OWN, OTHER].find(each => url.startsWith(each))
  if (iss === undefined) throw new Error(`nobody is at ${url}`)
  if (url.endsWith('/keys'))
    return { keys: [{ use: 'sig', alg: 'ES256', ...(await exportJWK(pairs[iss]!.publicKey)) }] }
  return { issuer: iss, jwks_uri: `${iss}/keys` }
}

const elsewhere = {
  _claim_names: { groups: 'src' },
  _claim_sources: { src: { endpoint: ENDPOINT, access_token: 'secret' } },
}

describe('groups that lie elsewhere', () => {
  let answers: Record<string, string>
  const asked: [string, string | undefined][] = []
  const authenticate = async (claims: Record<string, unknown>, answer?: string) => {
    asked.length = 0
    const authenticator = new JwtAuthenticator(
      {
        issuer: { url: OWN, audiences: ['canopus'] },
        claimMappings: { username: { claim: 'sub', prefix: '' }, groups: { claim: 'groups', prefix: 'g:' } },
      },
      {
        clock: new SimulatedClock({ start: NOW }),
        fetchJson,
        fetchText: async (url, headers) => {
          asked.push([url, headers.authorization])
          return answer === undefined ? { status: 403, text: 'no' } : { status: 200, text: answer }
        },
      },
    )
    return authenticator.authenticateToken(await token(OWN, claims))
  }
  const groupsOf = async (claims: Record<string, unknown>, answer?: string): Promise<readonly string[]> =>
    (await authenticate(claims, answer))!.user.groups

  before(async () => {
    answers = {
      good: await token(OTHER, { groups: ['dev', 'ops'] }),
      none: await token(OTHER, {}),
      audience: await token(OTHER, { groups: ['dev'], aud: 'others' }),
      late: await token(OTHER, { groups: ['dev'], exp: NOW / 1000 - 1 }),
    }
  })

  it('are fetched with the token that is given along', async () => {
    assert.deepEqual(await groupsOf(elsewhere, answers.good), ['g:dev', 'g:ops'])
    assert.deepEqual(asked, [[ENDPOINT, 'Bearer secret']])
  })

  it('are not looked for where they are at hand, or nowhere', async () => {
    assert.deepEqual(await groupsOf({ ...elsewhere, groups: ['here'] }), ['g:here'])
    assert.deepEqual(await groupsOf({ _claim_names: { age: 'src' }, _claim_sources: {} }), [])
    assert.deepEqual(await groupsOf({ _claim_names: { groups: 'src' }, _claim_sources: { src: { JWT: 'x' } } }), [])
    assert.deepEqual(asked, [])
  })

  const refused: readonly [string, Record<string, unknown>, string | undefined, RegExp][] = [
    [
      'no answer',
      elsewhere,
      undefined,
      /while getting distributed claim "groups": error while getting distributed claim JWT: 403/,
    ],
    ['no token', elsewhere, 'x', /getting untrusted issuer from endpoint .* failed for claim "groups"/],
    ['no groups', elsewhere, 'none', /jwt returned by distributed claim endpoint .* did not contain claim: groups/],
    ['another audience', elsewhere, 'audience', /verify distributed claim token: oidc: expected audience/],
    ['an expired token', elsewhere, 'late', /verify distributed claim token: oidc: token is expired/],
    ['no sources', { _claim_names: { groups: 'src' } }, undefined, /oidc: no claim sources/],
    [
      'no such source',
      { _claim_names: { groups: 'src' }, _claim_sources: {} },
      undefined,
      /_claim_names contained a source src missing in _claims_sources/,
    ],
  ]
  for (const [name, claims, answer, message] of refused) {
    it(`are refused with ${name}`, async () => {
      await assert.rejects(authenticate(claims, answer && (answers[answer] ?? answer)), error => {
        assert.match((error as Error).message, /^oidc: could not expand distributed claims: /)
        assert.match((error as Error).message, message)
        return true
      })
    })
  }
})
