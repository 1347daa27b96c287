/** The interface's messages by their own names. `Config`, `Resources`, ... are sent; statuses and listings are received. */
import type { Input, Output } from './wire.ts'

export type PodSandboxConfig = Input<'PodSandboxConfig'>
export type ContainerConfig = Input<'ContainerConfig'>
export type LinuxContainerResources = Input<'LinuxContainerResources'>
export type LinuxContainerSecurityContext = Input<'LinuxContainerSecurityContext'>
export type LinuxSandboxSecurityContext = Input<'LinuxSandboxSecurityContext'>
export type NamespaceOption = Input<'NamespaceOption'>
export type SecurityProfile = Input<'SecurityProfile'>
export type Mount = Input<'Mount'>
export type PortMapping = Input<'PortMapping'>
export type AuthConfig = Input<'AuthConfig'>
export type ImageSpec = Input<'ImageSpec'>

export type PodSandbox = Output<'PodSandbox'>
export type PodSandboxStatus = Output<'PodSandboxStatus'>
export type RuntimeContainer = Output<'Container'>
export type RuntimeContainerStatus = Output<'ContainerStatus'>
export type Image = Output<'Image'>
export type ContainerStats = Output<'ContainerStats'>
export type RuntimeCondition = Output<'RuntimeCondition'>
export type StatusResponse = Output<'StatusResponse'>
export type FilesystemUsage = Output<'FilesystemUsage'>
