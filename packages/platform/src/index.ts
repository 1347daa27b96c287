// The only place that touches the real clock, randomness, processes, files, TLS, logs and metrics
export {}
