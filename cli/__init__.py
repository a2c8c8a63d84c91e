"""The command line: the same verbs as the API, from a shell. Data on stdout, everything else on stderr."""
