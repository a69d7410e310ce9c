"""What happened, in order, provably: the append-only event log, its Merkle tree, and its readers."""
