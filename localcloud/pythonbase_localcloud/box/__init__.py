"""The box, in which everything of an instance runs: its two kinds, its first process, its names and certificates."""
