"""What an agent is told, which rules hold it, what it leaves behind, and what it costs."""
