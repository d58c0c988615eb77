"""What each command of `nightlab` does. A function per command: it takes the parsed arguments, returns an exit code."""
