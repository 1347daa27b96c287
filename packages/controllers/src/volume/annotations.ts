/** Marks by which binder, scheduler and provisioners talk to each other (k8s.io/component-helpers storage/volume/pv_helpers.go). */

/** On a claim: it has been bound once; what is missing from now on is lost. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed'
/** On a claim or volume: the controller chose the other one, not a user; only such a choice is taken back. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller'
/** On a volume: who made it, and will remove it. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by'
/** On a claim: who is to make its volume. */
export const STORAGE_PROVISIONER = 'volume.kubernetes.io/storage-provisioner'
export const BETA_STORAGE_PROVISIONER = 'volume.beta.kubernetes.io/storage-provisioner'
/** On a claim: the scheduler wants its volume on this node. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node'
/** On a volume that another component looks after in place of an in-tree plugin. */
export const MIGRATED_TO = 'pv.kubernetes.io/migrated-to'
/** Keeps a volume until the provisioner has removed what is behind it. */
export const PROVISIONER_FINALIZER = 'external-provisioner.volume.kubernetes.io/finalizer'
