"""What can be asked: one file a kind of work, each with its options, its prompt, its answer's shape and its checks."""
