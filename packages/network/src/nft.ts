import { run, tryRun } from '@canopus/platform'

/** Applies commands as one transaction: all of them or none. Throws `CommandError` with nft's words. */
export async function applyNft(commands: string, signal?: AbortSignal): Promise<void> {
  if (commands === '') return
  await run('nft', ['-f', '-'], { input: commands, ...(signal ? { signal } : {}) })
}

/** Removes a table if it is there. */
export async function deleteNftTable(family: string, name: string): Promise<void> {
  await tryRun('nft', ['-f', '-'], { input: `add table ${family} ${name}\ndelete table ${family} ${name}\n` })
}
