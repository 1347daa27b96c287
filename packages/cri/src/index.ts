// A typed CRI v1 client over a Unix socket
export {}
