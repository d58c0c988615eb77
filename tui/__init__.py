"""The command line and the terminal: they show state and post intents, and hold no truth of their own."""
