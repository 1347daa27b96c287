import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createKey } from '@canopus/platform'
import { createSecurity } from '../create-security.ts'
import { allAdmission } from './index.ts'
import { checkPluginNames, isPluginOn } from './plugin-names.ts'
import { fakeContext } from './testing/request.ts'

describe('--enable-admission-plugins and --disable-admission-plugins', () => {
  const refused: [string[], string[], string][] = [
    [['Foo'], [], 'enable-admission-plugins plugin "Foo" is unknown'],
    [[], ['LimitRanger', 'foo'], 'disable-admission-plugins plugin "foo" is unknown'],
    [
      ['ResourceQuota', 'LimitRanger'],
      ['LimitRanger', 'ResourceQuota'],
      '[LimitRanger ResourceQuota] in enable-admission-plugins and disable-admission-plugins overlapped',
    ],
  ]
  for (const [on, off, message] of refused) {
    it(message, () => assert.throws(() => checkPluginNames(on, off), { name: 'TypeError', message }))
  }

  it('some run only where they are asked for', () => {
    const cases: readonly [string, string[], string[], boolean][] = [
      ['LimitRanger', [], [], true],
      ['LimitRanger', [], ['LimitRanger'], false],
      ['AlwaysDeny', [], [], false],
      ['AlwaysDeny', ['AlwaysDeny'], [], true],
    ]
    for (const [name, on, off, expected] of cases) assert.equal(isPluginOn(name, on, off), expected, name)
  })

  it('those of a feature run only where that is on', async () => {
    const key = await createKey()
    for (const on of [true, false]) {
      const context = { ...fakeContext(), featureGates: { enabled: () => on } }
      const { admission } = createSecurity({ serviceAccountKey: key })(context)
      assert.equal(
        admission.some(({ name }) => name === 'PodTopologyLabels'),
        on,
      )
    }
  })

  it('knows every plugin that runs, and that those of others are off', () => {
    const names = allAdmission(fakeContext()).map(({ name }) => name)
    // Upstream has these in the strategies of the kinds.
    const inStrategies = ['RoleEscalation', 'ResourceClaimStatusAuthorization', 'ResourceClaimAdminAccess']
    const plugins = names.filter(name => !inStrategies.includes(name))
    checkPluginNames(plugins, [])
    checkPluginNames(['JobValidation'], ['EventRateLimit', ...plugins])
  })
})
