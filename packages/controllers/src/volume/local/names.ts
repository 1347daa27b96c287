/** Who makes directories of nodes into volumes. */
export const LOCAL_PROVISIONER = 'canopus.io/local-path'
/** The class of claims that name none. */
export const LOCAL_CLASS = 'standard'
/** The user as whom every node looks after its volumes. */
export const LOCAL_VOLUMES_USER = 'system:canopus:volumes'
