import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { bool, duration, list, lists, number, pairs } from '../flags.ts'
import { addFlagsWithoutEffect } from './common-flags.ts'
import { flagValues } from './flag-values.ts'

test('values are told as a Go program prints them', () => {
  const command = new Command()
    .option('--event-ttl <duration>', '', duration, 3_600_000)
    .option('--secure-port <port>', '', number(0, 65_535), 6443)
    .option('--anonymous-auth [bool]', '', bool, true)
    .option('--etcd-servers <urls>', '', lists)
    .option('--tls-cipher-suites <names>', '', list)
    .option('--feature-gates <gates>', '', lists)
    .option('--runtime-config <versions>', '', lists)
    .option('--node-labels <labels>', '', pairs)
    .option('--bind-address <address>', '')
    .option('-v, --v <level>', '', Number, 2)
  addFlagsWithoutEffect(command, ['profiling', 'watch-cache'])
  const argv = '--etcd-servers=a,b --feature-gates A=true,B=false --node-labels b=2,a=1 --watch-cache=false'
  command.parse(argv.split(' '), { from: 'user' })
  assert.deepEqual(flagValues(command), {
    'event-ttl': '1h0m0s',
    'secure-port': '6443',
    'anonymous-auth': 'true',
    'etcd-servers': '[a,b]',
    'tls-cipher-suites': '[]',
    'feature-gates': 'A=true,B=false',
    'runtime-config': '',
    'node-labels': 'a=1,b=2',
    'bind-address': '',
    v: '2',
    'watch-cache': 'false',
  })
})
