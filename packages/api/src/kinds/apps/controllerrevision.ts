import type { ControllerRevision } from '../../generated/apps.v1.ts'
import { ControllerRevisions } from '../../resources.ts'
import { ageColumn, nameColumn, of, text } from '../shared/columns.ts'
import { defineKind, strategyOf } from '../shared/strategy.ts'
import { validateControllerRevision, validateControllerRevisionUpdate } from './validation.ts'

function controllerText({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find(each => each.controller)
  if (owner === undefined) return '<none>'
  const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : ''
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`
}

export const ControllerRevisionKind = defineKind<ControllerRevision>({
  type: ControllerRevisions,
  message: 'apps.v1.ControllerRevision',
  storagePrefix: 'controllerrevisions',
  strategy: strategyOf({}, { validate: validateControllerRevision, validateUpdate: validateControllerRevisionUpdate }),
  columns: [
    nameColumn,
    text('Controller', 'Controller of the object', controllerText),
    text('Revision', of('apps.v1.ControllerRevision.revision'), each => each.revision),
    ageColumn,
  ],
})
