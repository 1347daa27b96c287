/** What an apply says to fields that others own (k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go). */
import { StatusError } from '../status-error.ts'
import { type FieldSet, hasPath, pathText } from './field-set.ts'
import type { Manager } from './managers.ts'

export interface Conflict {
  /** The manager's identity, by which conflicts are sorted. */
  readonly id: string
  readonly manager: Manager
  readonly path: readonly string[]
}

/** Those that the set does not allow. */
export function conflictsOutside(conflicts: readonly Conflict[], allowed: FieldSet): Conflict[] {
  return conflicts.filter(({ path }) => !hasPath(allowed, path))
}

/** 409 with a cause per field. */
export function applyConflictError(conflicts: readonly Conflict[]): StatusError {
  return new StatusError({
    code: 409,
    reason: 'Conflict',
    details: {
      causes: conflicts.map(({ manager, path }) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${managerText(manager)}`,
        field: pathText(path),
      })),
    },
    message: messageOf(conflicts),
  })
}

function messageOf(conflicts: readonly Conflict[]): string {
  if (conflicts.length === 1) {
    const { manager, path } = conflicts[0]!
    return `Apply failed with 1 conflict: conflict with ${managerText(manager)}: ${pathText(path)}`
  }
  const byManager = new Map<string, Conflict[]>()
  for (const conflict of conflicts) {
    const known = byManager.get(conflict.id)
    if (known === undefined) byManager.set(conflict.id, [conflict])
    else known.push(conflict)
  }
  const lines: string[] = []
  for (const id of [...byManager.keys()].sort()) {
    const own = byManager.get(id)!
    lines.push(`conflicts with ${managerText(own[0]!.manager)}:`, ...own.map(({ path }) => `- ${pathText(path)}`))
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`
}

function managerText({ name, operation, apiVersion, subresource }: Manager): string {
  const text = `${JSON.stringify(name)}${subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`}`
  return operation === 'Update' ? `${text} using ${apiVersion}` : text
}
