import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { SimulatedClock } from '@canopus/base'
import { createProgress } from '@canopus/cli'
import { type Command, CommanderError } from 'commander'
import { createProgram } from './program.ts'

/** What a command line prints, and with which status it ends. */
async function run(...argv: string[]): Promise<{ stdout: string; stderr: string; status: number }> {
  const output = { stdout: '', stderr: '' }
  const write = (name: 'stdout' | 'stderr', text: string): void => {
    output[name] += text
  }
  const stream = (name: 'stdout' | 'stderr') => ({ write: (text: string) => write(name, text) }) as never
  const clock = new SimulatedClock({ start: 0 })
  const program = createProgram(
    {
      clock,
      home: { root: '/nowhere', run: '/nowhere/run' },
      uid: 1000,
      env: {},
      progress: createProgress({ stream: stream('stderr'), clock, colours: false }),
      stdout: stream('stdout'),
      self: ['canopus'],
      signal: new AbortController().signal,
    },
    () => {},
  )
  const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)]
  for (const command of everyCommand(program))
    command.configureOutput({
      writeOut: text => write('stdout', text),
      writeErr: text => write('stderr', text),
    })
  try {
    await program.parseAsync(argv, { from: 'user' })
    return { ...output, status: 0 }
  } catch (error) {
    if (error instanceof CommanderError) return { ...output, status: error.exitCode }
    throw error
  }
}

describe('help', () => {
  const commands = [
    '',
    'up',
    'stop',
    'delete',
    'status',
    'logs',
    'image',
    'image build',
    'image serve',
    'simulate',
    'envtest',
    'completion',
    'apiserver',
    'controller-manager',
    'scheduler',
    'kubelet',
    'proxy',
    'dns',
  ]
  for (const path of commands)
    it(`of "${path}": the same by both ways, with defaults as one would write them`, async () => {
      const words = path.split(' ').filter(Boolean)
      const { stdout } = await run('help', ...words)
      assert.match(stdout, new RegExp(`^Usage: canopus ${path}`))
      assert.equal((await run(...words, '--help')).stdout, stdout)
      assert.doesNotMatch(stdout.replaceAll(/\s+/g, ' '), /default: (\[|\{|"|false|\d{4,5}000\b)/)
    })

  it('says in what form a default is given', async () => {
    const text = async (command: string): Promise<string> => (await run('help', command)).stdout.replaceAll(/\s+/g, ' ')
    assert.match(await text('up'), /--timeout <duration> how long to wait for the cluster \(default: 2m\)/)
    assert.match(await text('dns'), /\(default: 0\.0\.0\.0:53\)/)
    assert.match(await text('apiserver'), /\(default: 30000-32767\)/)
    assert.match(await text('apiserver'), /\(default: Node,RBAC\)/)
    assert.match(await text('status'), /\(text, json; default: text\)/)
  })

  it('of up: what makes a cluster, not what each component can do', async () => {
    const { stdout } = await run('help', 'up')
    assert.match(stdout, /Options:\n +--name /)
    assert.match(stdout, /--feature-gates <gates>/)
    assert.match(stdout, /Features that --feature-gates knows are listed by `canopus apiserver --help`/)
    assert.ok(stdout.split('\n').length < 60, stdout)
    assert.match((await run('up', '--emulated-version', '1.36')).stderr, /unknown option '--emulated-version'/)
  })

  it('of what is no command', async () => {
    assert.match((await run('help', 'nope')).stderr, /error: unknown command 'nope'/)
    assert.match((await run('help', 'image', 'nope')).stderr, /error: unknown command 'image nope'/)
    assert.match(
      (await run('image', 'build', '--nope')).stderr,
      /unknown option '--nope'\n\(see `canopus image build --help`\)/,
    )
    assert.match(
      (await run('completion', 'tcsh')).stderr,
      /'tcsh' is invalid[^.]*\. Allowed choices are bash, zsh, fish/,
    )
  })
})

describe('--feature-gates', () => {
  const refusals: [gates: string, message: RegExp][] = [
    ['Nope=true', /unrecognized feature gate: Nope/],
    ['SidecarContainers=false', /cannot set feature gate SidecarContainers to false, feature is locked to true/],
    ['SidecarContainers=maybe', /invalid value of SidecarContainers: maybe/],
  ]
  for (const component of ['controller-manager', 'scheduler', 'kubelet', 'proxy'])
    for (const [gates, message] of refusals)
      it(`${component} refuses ${gates}`, async () => {
        await assert.rejects(run(component, '--feature-gates', gates, '--kubeconfig', '/nowhere'), message)
      })
})

describe('completion', () => {
  const cases: [words: string[], expected: RegExp][] = [
    [['st'], /^stop status$/],
    [['sim'], /^simulate$/],
    [['up', '--no'], /^--no-merge-kubeconfig --nodes --no-node --no-wait --no-storage-class$/],
    [['up', '--name', 'mine', '--wa'], /^--wait$/],
    [['up', '--name', 'mine', '--store'], /^--store$/],
    [['image', 'b'], /^build$/],
    [['help', 'kub'], /^kubelet$/],
    [['completion', ''], /^bash zsh fish /],
  ]
  const without = (shell: string): string | false => (spawnSync(shell, ['-c', 'true']).error ? `needs ${shell}` : false)

  /** What a shell offers behind these words, of which the last one is being typed. */
  async function offered(shell: 'bash' | 'zsh' | 'fish', words: readonly string[]): Promise<string> {
    const { stdout } = await run('completion', shell)
    const line = ['canopus', ...words].map(word => `'${word}'`).join(' ')
    const scripts = {
      bash: `${stdout}\nCOMP_WORDS=(${line}) COMP_CWORD=${words.length}\n_canopus\necho "\${COMPREPLY[@]}"`,
      // The shell itself chooses among what it is told, by what has been typed.
      zsh: `compdef() { : }\ncompadd() { shift; print -r -- \${(M)@:#$words[CURRENT]*} }\n${stdout}
words=(${line}) CURRENT=${words.length + 1}\n_canopus`,
      fish: `${stdout}\ncomplete -C 'canopus ${words.join(' ')}'`,
    }
    const bare = { bash: '--norc', zsh: '-f', fish: '--no-config' }
    const { stdout: found, stderr } = spawnSync(shell, [bare[shell], '-c', scripts[shell]], { encoding: 'utf8' })
    assert.equal(stderr, '')
    return found.trim()
  }

  for (const [words, expected] of cases)
    it(`canopus ${words.join(' ')}`, { skip: without('bash') }, async () => {
      assert.match(await offered('bash', words), expected)
    })

  for (const shell of ['zsh', 'fish'] as const)
    it(`${shell} offers the same as bash`, { skip: without(shell) || without('bash') }, async () => {
      // fish keeps flags to itself until somebody types a dash
      const comparable = (text: string, typed: string): string[] =>
        text
          .split(/\s+/)
          .filter(word => typed.startsWith('-') || !word.startsWith('-'))
          .sort()
      for (const [words] of cases) {
        const typed = words.at(-1)!
        const [here, there] = [await offered(shell, words), await offered('bash', words)]
        assert.deepEqual(comparable(here, typed), comparable(there, typed), words.join(' '))
      }
    })

  for (const shell of ['zsh', 'fish'])
    it(`there is one for ${shell}`, async () => {
      assert.match((await run('completion', shell)).stdout, /kubelet/)
    })
})
