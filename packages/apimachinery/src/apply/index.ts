export { type ApplyRequest, type ApplyResult, applyConfig } from './apply.ts'
export { ElementError } from './elements.ts'
export { type FieldSet, recursiveDifference, union as unionOfFields } from './field-set.ts'
export { ownersOfNew, ownersOfUpdate, type Versions, type WriteScope } from './ownership.ts'
