/** Flags of the components: what is refused when they are parsed, and what they come to. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { GIT_VERSION } from '@canopus/apiserver'
import { MetricsRegistry, silentLogger } from '@canopus/base'
import { Failure } from '@canopus/cli'
import { readConfiguration } from '@canopus/scheduler'
import { Command, CommanderError } from 'commander'
import { apiContentType, reportedVersion, storageMediaType } from './api-flags.ts'
import { type AuditFlags, addAuditFlags, auditorOf } from './audit-flags.ts'
import { ClientAuthorities } from './client-authorities.ts'
import { addComponents } from './commands.ts'

import { addLeaderFlags, addLogFlags, type LeaderFlags, type LogFlags } from './common-flags.ts'
import { addEncryptionFlags, type EncryptionFlags, encryptionOf } from './encryption-flags.ts'
import { applyLeaderElection } from './scheduler.ts'

import {
  addSecurityFlags,
  authenticationFacts,
  oidcIssuer,
  type SecurityFlags,
  securityOptions,
} from './security-flags.ts'
import { addServingFlags, type ServingFlags, servingOptions } from './serving-flags.ts'
import { addSharedFlags, applySharedFlags, type SharedFlags } from './shared-flags.ts'

const metrics = new MetricsRegistry()
const directory = mkdtempSync(join(tmpdir(), 'canopus-component-flags-'))
after(() => rmSync(directory, { recursive: true }))

function file(name: string, content: string): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

/** The flags that a command with these options makes of a command line. */
function flagsOf<T>(add: (command: Command) => void, ...args: string[]): T {
  const command = new Command('test').exitOverride().configureOutput({ writeErr: () => {} })
  add(command)
  return command.parse(args, { from: 'user' }).opts() as T
}

describe('a command line is refused before anything is done', () => {
  const cases: [line: string, message: RegExp][] = [
    ['apiserver --secure-port 65536', /'65536' is invalid. not a whole number from 0 to 65535/],
    ['apiserver --service-node-port-range 32767-30000', /end port cannot be less than start port: 32767-30000/],
    ['apiserver --service-node-port-range 1-2+3', /unable to parse port range: 1-2[+]3/],
    ['apiserver --authorization-mode Node,RABC', /^authorization-mode "RABC" is not a valid mode$/],
    ['apiserver --oidc-signing-algs none', /none is none of .*RS256/],
    ['apiserver --oidc-required-claim =x', /malformed pair, expect string=string/],
    ['apiserver --anonymous-auth=maybe', /strconv.ParseBool: parsing "maybe": invalid syntax/],
    ['apiserver --goaway-chance x', /strconv.ParseFloat: parsing "x": invalid syntax/],
    ['apiserver --advertise-address here', /failed to parse IP: "here"/],
    [
      'apiserver --strict-transport-security-directives x',
      /allowed values: max-age=expireTime, includeSubDomains, preload/,
    ],
    ['apiserver --min-request-timeout -1', /--min-request-timeout can not be negative value/],
    ['apiserver --livez-grace-period=-1s', /^--livez-grace-period can not be a negative value$/],
    ['apiserver --goaway-chance 0.5', /--goaway-chance can not be less than 0 or greater than 0.02/],
    ['apiserver --request-timeout soon', /time: invalid duration "soon"/],
    ['apiserver --tls-min-version 1.2', /unknown tls version "1.2"/],
    ['apiserver --tls-cipher-suites TLS_AES_128_GCM_SHA256,NULL', /Cipher suite NULL not supported or doesn't exist/],
    ['kubelet --tls-curve-preferences 30', /curve preference 30 is not supported: known are 23, 24, 25, 29/],
    ['apiserver --endpoint-reconciler-type two', /endpoint reconciler not implemented: two/],
    ['apiserver --storage-backend consul', /^--storage-backend invalid, allowed values: etcd3/],
    ['apiserver --service-account-lookup=false', /it can only be true/],
    ['apiserver --storage-media-type=application/vnd.kubernetes.protobuf', /stored as application.json only/],
    [
      'apiserver --storage-media-type=text/plain',
      /^--storage-media-type "text.plain" invalid, allowed values: application.json, .*yaml/,
    ],
    ['apiserver --version=v1.35.0', /version "v1.35.0" must match major.minor.patch of default version "v1.36/],
    ['apiserver --version=all', /strconv.ParseBool: parsing "all": invalid syntax/],
    ['apiserver --version=v1.36', /could not parse "v1.36" as version/],
    ['apiserver -v loud', /not a whole number/],
    ['apiserver --request-timeout 5', /time: missing unit in duration "5"/],
    ['apiserver --apiserver-count 0', /^--apiserver-count should be a positive number, but value '0' provided$/],
    [
      'apiserver --kubernetes-service-node-port 70000',
      /^--kubernetes-service-node-port 70000 must be between 0 and 65535/,
    ],
    ['apiserver --kubelet-port -1', /strconv.ParseUint: parsing "-1": invalid syntax/],
    ['apiserver --authentication-token-webhook-version v2', /^unsupported authentication webhook version "v2"/],
    [
      'controller-manager --controllers deployment,nope',
      /"nope" is not in the list of known controllers: .*deployment/,
    ],
    ['controller-manager --kube-api-content-type=application/vnd.kubernetes.protobuf', /sent as application.json only/],
    ['kubelet --register-with-taints dedicated=x', /dedicated=x is not of the form key=value:NoSchedule/],
    ['kubelet --node-labels disk', /not of the form key=value,key=value/],
    ['kubelet --max-pods 0', /not a whole number from 1 to 10000/],
    ['kubelet --cgroup-driver openrc', /Allowed choices are cgroupfs, systemd/],
    ['proxy --proxy-mode ipvs', /Allowed choices are nftables/],
  ]
  const parse = (line: string): Promise<Command> => {
    const program = new Command('canopus')
    // No environment: an action that was reached would fail in another way.
    addComponents(program, { home: { root: directory, run: directory } } as never)
    for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => {} })
    return program.parseAsync(line.split(' '), { from: 'user' })
  }
  for (const [line, message] of cases)
    it(line, () =>
      assert.rejects(
        parse(line),
        (error: Error) => (error instanceof CommanderError || error instanceof Failure) && message.test(error.message),
      ),
    )

  it('flags of etcd without etcd', async () => {
    await assert.rejects(
      parse('apiserver --etcd-prefix /x'),
      new Failure('--etcd-prefix does not go with --storage-backend=embedded'),
    )
  })
})

describe('one value only, and the version', () => {
  const suffixed = `${GIT_VERSION}-custom`
  const cases: [parse: (text: string) => unknown, text: string, expected: unknown][] = [
    [storageMediaType, '', 'application/json'],
    [storageMediaType, 'application/json', 'application/json'],
    [apiContentType, '', 'application/json'],
    [reportedVersion, GIT_VERSION, GIT_VERSION],
    [reportedVersion, suffixed, suffixed],
    [reportedVersion, 'raw', 'raw'],
    [reportedVersion, 'true', true],
    [reportedVersion, '0', false],
  ]
  for (const [parse, text, expected] of cases)
    it(`${parse.name} of "${text}"`, () => assert.equal(parse(text), expected))
})

describe('who may come in', () => {
  const key = file('sa.key', 'KEY')
  const signing = ['--service-account-signing-key-file', key]
  const security = (...args: string[]): SecurityFlags => flagsOf(addSecurityFlags, ...args)

  it('service-account tokens: keys, issuers and lives', () => {
    const options = securityOptions(
      security(
        ...signing,
        ...['--service-account-key-file', file('old.key', 'OLD')],
        ...['--service-account-issuer', 'https://a', '--service-account-issuer', 'https://b'],
        ...['--service-account-max-token-expiration', '1h30m'],
        '--service-account-extend-token-expiration=false',
      ),
    )
    assert.equal(options.serviceAccountKey, 'KEY')
    assert.deepEqual(options.otherServiceAccountKeys, ['OLD'])
    assert.equal(options.serviceAccountIssuer, 'https://a')
    assert.deepEqual(options.otherServiceAccountIssuers, ['https://b'])
    assert.equal(options.serviceAccountMaxTokenSeconds, 5400)
    assert.equal(options.extendServiceAccountTokens, false)
    assert.equal(securityOptions(security(...signing)).extendServiceAccountTokens, true)
  })

  const anonymous: [args: string[], expected: boolean | undefined][] = [
    [[], undefined],
    [['--anonymous-auth=false'], false],
    [['--authorization-mode=Node,RBAC', '--anonymous-auth=true'], true],
    [['--authorization-mode=RBAC,AlwaysAllow'], false],
    [['--authorization-mode=AlwaysAllow', '--anonymous-auth=true'], false],
  ]
  for (const [args, expected] of anonymous)
    it(`anonymous requests by ${args.join(' ') || 'default'}`, () =>
      assert.equal(securityOptions(security(...signing, ...args)).anonymous, expected))

  it('front proxies, and whose certificates the listener asks for', () => {
    const flags = security(
      ...['--requestheader-client-ca-file', file('proxy.crt', 'PROXY'), '--client-ca-file', file('ca.crt', 'CA')],
      ...['--requestheader-allowed-names', 'front-proxy-client', '--requestheader-group-headers', 'X-Group,X-Other'],
    )
    const authorities = new ClientAuthorities(flags)
    assert.deepEqual(authorities.all, { clientCa: ['CA', 'PROXY'] })
    assert.deepEqual(authenticationFacts(flags, authorities), {
      clientCa: 'CA',
      requestHeaderClientCa: 'PROXY',
      requestHeaderAllowedNames: ['front-proxy-client'],
      requestHeaders: {
        usernameHeaders: [],
        uidHeaders: [],
        groupHeaders: ['X-Group', 'X-Other'],
        extraHeaderPrefixes: [],
      },
    })
    const usual = security(
      ...['--requestheader-client-ca-file', file('proxy.crt', 'PROXY'), '--client-ca-file', file('ca.crt', 'CA')],
    )
    assert.deepEqual(authenticationFacts(usual, new ClientAuthorities(usual))?.requestHeaders, {})
    const proxiesAlone = security('--requestheader-client-ca-file', file('proxy.crt', 'PROXY'))
    assert.deepEqual(authenticationFacts(proxiesAlone, new ClientAuthorities(proxiesAlone)), {
      requestHeaderClientCa: 'PROXY',
      requestHeaderAllowedNames: [],
      requestHeaders: {},
    })
    const none = new ClientAuthorities(security())
    assert.deepEqual(none.all, {})
    assert.equal(authenticationFacts(security(), none), undefined)
  })

  const issuer = ['--oidc-issuer-url', 'https://id.test', '--oidc-client-id', 'me']
  const prefixes: [args: string[], prefix: string][] = [
    [[], 'https://id.test#'],
    [['--oidc-username-claim', 'email'], ''],
    [['--oidc-username-prefix', '-'], ''],
    [['--oidc-username-prefix', 'oidc:'], 'oidc:'],
    [['--oidc-username-claim', 'email', '--oidc-username-prefix', 'oidc:'], 'oidc:'],
  ]
  for (const [args, prefix] of prefixes)
    it(`the prefix of users by ${args.join(' ') || 'default'}`, () =>
      assert.equal(oidcIssuer(security(...issuer, ...args))?.claimMappings?.username?.prefix, prefix))

  it('an issuer with groups and required claims; none where there is no flag', () => {
    const found = oidcIssuer(
      security(
        ...issuer,
        ...['--oidc-groups-claim', 'groups', '--oidc-groups-prefix', 'g:'],
        ...['--oidc-required-claim', 'a=b=c', '--oidc-required-claim', 'd=e'],
      ),
    )
    assert.deepEqual(found?.claimMappings?.groups, { claim: 'groups', prefix: 'g:' })
    assert.deepEqual(found?.claimValidationRules, [
      { claim: 'a', requiredValue: 'b=c' },
      { claim: 'd', requiredValue: 'e' },
    ])
    assert.equal(oidcIssuer(security()), undefined)
  })

  const contradictions: [args: string[], message: RegExp][] = [
    [[], /^--service-account-signing-key-file is required$/],
    [
      ['--service-account-signing-key-file', '/nowhere'],
      /^--service-account-signing-key-file: \/nowhere cannot be read/,
    ],
    [[...signing, '--client-ca-file', '/nowhere'], /^--client-ca-file: \/nowhere cannot be read/],
    [[...signing, '--oidc-client-id', 'me'], /oidc-issuer-url and oidc-client-id must be specified together/],
    [[...signing, '--oidc-issuer-url', 'http://x', '--oidc-client-id', 'y'], /URL scheme must be https/],
    [[...signing, ...issuer, '--authentication-config', key], /mutually exclusive/],
    [
      [...signing, '--authorization-mode', 'RBAC,Webhook'],
      /^authorization-mode Webhook's authorization config file not passed$/,
    ],
    [
      [...signing, '--authorization-policy-file', key],
      /^cannot specify --authorization-policy-file without mode ABAC$/,
    ],
    [[...signing, '--authorization-config', key, '--authorization-mode', 'RBAC'], /can not be specified when/],
    [[...signing, '--authentication-token-webhook-config-file', key], /sa\.key: /],
  ]
  for (const [args, message] of contradictions)
    it(`refused: ${args.filter(arg => arg.startsWith('--')).at(-1) ?? 'nothing given'}`, () =>
      assert.throws(
        () => securityOptions(security(...args)),
        (error: Error) => error instanceof Failure && message.test(error.message),
      ))
})

describe('audit, encryption, traffic, logs', () => {
  it('nothing is audited without a policy, or without a place for events', async () => {
    const flags = (...args: string[]): AuditFlags => flagsOf(addAuditFlags, ...args)
    assert.equal(await auditorOf(flags(), { logger: silentLogger, metrics }), undefined)
    assert.equal(
      await auditorOf(flags('--audit-log-path', join(directory, 'log')), { logger: silentLogger, metrics }),
      undefined,
    )
    assert.equal(
      await auditorOf(flags('--audit-policy-file', '/nowhere'), { logger: silentLogger, metrics }),
      undefined,
    )
    const log = ['--audit-log-path', join(directory, 'log')]
    await assert.rejects(
      auditorOf(flags('--audit-policy-file', '/nowhere', ...log), { logger: silentLogger, metrics }),
      /--audit-policy-file: \/nowhere cannot be read/,
    )
    const policy = file('policy.yaml', 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n')
    await assert.rejects(
      auditorOf(flags('--audit-policy-file', policy, ...log, '--audit-log-truncate-max-batch-size', '1'), {
        logger: silentLogger,
        metrics,
      }),
      /invalid audit truncate log max batch size 1, must be greater than max event size \(102400\)/,
    )
    await assert.rejects(
      auditorOf(flags('--audit-policy-file', policy, '--audit-webhook-config-file', '/nowhere'), {
        logger: silentLogger,
        metrics,
      }),
      /--audit-webhook-config-file: /,
    )
  })

  const wrong: [args: string[], message: string][] = [
    [
      ['--audit-log-mode', 'sometimes'],
      'invalid audit log mode sometimes, allowed modes are "batch,blocking,blocking-strict"',
    ],
    [
      ['--audit-log-mode', 'batch', '--audit-log-batch-buffer-size', '0'],
      'invalid audit batch log buffer size 0, must be a positive number',
    ],
    [
      ['--audit-log-format', 'xml', '--audit-log-maxage', '-1'],
      '[invalid audit log format xml, allowed formats are "legacy,json", --audit-log-maxage -1 can\'t be a negative number]',
    ],
    [['--audit-log-version', 'v2'], 'invalid group version, allowed versions are ["audit.k8s.io/v1"]'],
  ]
  for (const [args, message] of wrong)
    it(`audit: ${message}`, () =>
      assert.rejects(
        auditorOf(flagsOf<AuditFlags>(addAuditFlags, '--audit-log-path', '-', ...args), {
          logger: silentLogger,
          metrics,
        }),
        new Failure(message),
      ))

  it('encryption: nothing, and what is missing or wrong', async () => {
    const encryption = (...args: string[]) =>
      encryptionOf(flagsOf<EncryptionFlags>(addEncryptionFlags, ...args), silentLogger, { metrics, serverId: 'one' })
    assert.equal(await encryption(), undefined)
    await assert.rejects(
      encryption('--encryption-provider-config-automatic-reload'),
      new Failure('--encryption-provider-config-automatic-reload must be set with --encryption-provider-config'),
    )
    await assert.rejects(
      encryption('--encryption-provider-config', '/nowhere'),
      /--encryption-provider-config: \/nowhere cannot be read/,
    )
    await assert.rejects(encryption('--encryption-provider-config', file('bad', 'kind: Nope')), /encryption.*bad: /)
  })

  it('how long the history of the store is kept', async () => {
    const interval = async (...args: string[]): Promise<unknown> =>
      (await applySharedFlags(flagsOf<SharedFlags>(addSharedFlags, ...args), 'a', silentLogger)).extras
        .compactionInterval
    assert.equal(await interval(), 300_000)
    assert.equal(await interval('--etcd-compaction-interval=90s'), 90_000)
    assert.equal(await interval('--etcd-compaction-interval', '0'), 0)
  })

  it('how traffic is treated', () => {
    const serving = (...args: string[]) => servingOptions(flagsOf<ServingFlags>(addServingFlags, ...args))
    const usual = serving()
    assert.equal(usual.maxRequestsInflight, 400)
    assert.equal(usual.maxMutatingRequestsInflight, 200)
    assert.equal(usual.requestTimeout, 60_000)
    assert.equal(usual.priorityAndFairness, true)
    assert.ok(!('corsAllowedOrigins' in usual))
    const other = serving(
      ...['--enable-priority-and-fairness=false', '--max-requests-inflight', '0', '--goaway-chance', '0.001'],
      ...['--cors-allowed-origins', '//a$,//b$', '--shutdown-delay-duration', '5s'],
      ...['--strict-transport-security-directives', 'max-age=1', '--strict-transport-security-directives', 'preload'],
    )
    assert.equal(other.priorityAndFairness, false)
    assert.equal(other.maxRequestsInflight, 0)
    assert.equal(other.goawayChance, 0.001)
    assert.equal(other.shutdownDelay, 5000)
    assert.deepEqual(other.corsAllowedOrigins, ['//a$', '//b$'])
    assert.deepEqual(other.strictTransportSecurity, ['max-age=1', 'preload'])
  })

  it('as what it is logged', () => {
    const format = (...args: string[]): string => flagsOf<LogFlags>(addLogFlags, ...args).loggingFormat
    assert.equal(format(), 'json')
    assert.equal(format('--logging-format=text'), 'text')
  })

  it('how much is logged, in the ways in which people write it', () => {
    const level = (...args: string[]): number => flagsOf<{ v: number }>(addLogFlags, ...args).v
    assert.equal(level(), 2)
    for (const args of [['-v=4'], ['-v', '4'], ['--v', '4'], ['--v=4'], ['-v4']]) assert.equal(level(...args), 4)
  })
})

describe('the scheduler\u2019s lease: what is typed wins over the configuration, which wins over the defaults', () => {
  const { leaderElection, ...rest } = readConfiguration({
    leaderElection: { leaderElect: true, leaseDuration: '30s', resourceName: 'mine' },
  })
  const defaults = { name: 'kube-scheduler', duration: 15_000, elect: true }
  const cases: [args: string[], file: typeof leaderElection, expected: Partial<typeof defaults>][] = [
    [[], {}, {}],
    [[], leaderElection, { name: 'mine', duration: 30_000 }],
    [['--leader-elect=false'], leaderElection, { elect: false, name: 'mine', duration: 30_000 }],
    [['--leader-elect-resource-name=kube-scheduler'], leaderElection, { duration: 30_000 }],
  ]
  for (const [args, file, expected] of cases) {
    it(`${args.join(' ') || 'nothing typed'}, ${Object.keys(file).length === 0 ? 'no file' : 'a file'}`, () => {
      const command = new Command('test')
      addLeaderFlags(command, 'kube-scheduler')
      command.parse(args, { from: 'user' })
      applyLeaderElection(command, { ...rest, leaderElection: file })
      const flags = command.opts<LeaderFlags>()
      const { leaderElect: elect, leaderElectResourceName: name, leaderElectLeaseDuration: duration } = flags
      assert.deepEqual({ name, duration, elect }, { ...defaults, ...expected })
    })
  }
})
