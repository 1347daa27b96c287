/** What runs on every node: agents load only this, not the controllers of the control plane. */
export { LOCAL_PROVISIONER } from './names.ts'
export { createLocalProvisioner, type LocalProvisionerOptions, type VolumeDirectories } from './provisioner.ts'
