import { createHash } from 'node:crypto'
import type { Authentication } from '../security.ts'
import type { TokenAuthenticator } from './bearer.ts'

/**
 * Reads a static token file: one `token,user,uid[,"group1,group2"]` per line, as `--token-auth-file` takes it. Throws for
 * lines with fewer than three columns.
 */
export function parseTokenFile(text: string): TokenAuthenticator {
  const users = new Map<string, Authentication>()
  for (const [number, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [token, name, uid, groups = ''] = columns(line)
    if (!token || name === undefined || uid === undefined) {
      throw new Error(`token file, line ${number + 1}: expected token,user,uid[,"groups"]`)
    }
    const list = groups.split(',').filter(group => group !== '')
    users.set(digest(token), { user: { name, uid, groups: list } })
  }
  return { authenticateToken: token => users.get(digest(token)) }
}

/** Looking up a hash says nothing of how much of a guessed token was right. */
const digest = (token: string): string => createHash('sha256').update(token).digest('base64')

function columns(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    (quoted?.replaceAll('""', '"') ?? plain ?? '').trim(),
  )
}
