import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/** Where the contents of a mounted ConfigMap or Secret really lie: its files are links through it. */
const MOUNTED = '..data'

/**
 * Calls `look` when something happens to one of the files, and every `interval` milliseconds, for what is not told (files behind
 * links, network mounts). Does not keep the process running. Returns what ends it.
 */
export function followFiles(files: readonly string[], interval: number, look: () => void): () => void {
  const timer = setInterval(look, interval)
  timer.unref()
  const ends = [...new Set(files.map(dirname))].map(directory => {
    const names = files.filter(file => dirname(file) === directory).map(file => basename(file))
    return followDirectory(directory, [...names, MOUNTED], look)
  })
  return () => {
    clearInterval(timer)
    for (const end of ends) end()
  }
}

/** Directories, not files: these are replaced by others of their names. */
function followDirectory(directory: string, names: readonly string[], look: () => void): () => void {
  try {
    const watcher = watch(directory, { persistent: false }, (_, name) => {
      if (name === null || names.includes(name)) look()
    })
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  } catch {
    return () => {}
  }
}
