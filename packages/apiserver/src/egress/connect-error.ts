/** A proxy could not be reached, which is another matter than one that says no. */
export class ConnectError extends Error {}
