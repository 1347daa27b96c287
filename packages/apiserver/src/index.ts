// Turns HTTP into store transactions
export {}
