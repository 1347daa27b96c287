/** What the components say of a wrong command line, as upstream's programs do, and their status. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Failure } from '@canopus/cli'
import { Command, InvalidArgumentError } from 'commander'
import { refusal } from './refusals.ts'

function refused(...args: string[]): unknown {
  const command = new Command('apiserver').configureOutput({ outputError: () => {} }).exitOverride(error => {
    throw refusal(error, command)
  })
  command.allowExcessArguments(false)
  command.option('-v, --v <level>', '', () => {
    throw new InvalidArgumentError('strconv.ParseInt: parsing "x": invalid syntax')
  })
  try {
    command.option('--file <path>').parse(args, { from: 'user' })
  } catch (error) {
    assert.ok(error instanceof Failure)
    return error.message
  }
  return undefined
}

describe('a command line is refused', () => {
  for (const [args, message] of [
    [['--nope=1'], 'unknown flag: --nope'],
    [['-x'], "unknown shorthand flag: 'x' in -x"],
    [['--file'], 'flag needs an argument: --file'],
    [['--v', 'x'], 'invalid argument "x" for "-v, --v" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    [['a'], '"kube-apiserver" does not take any arguments, got ["a"]'],
  ] as const)
    it(args.join(' '), () => assert.equal(refused(...args), message))
})
