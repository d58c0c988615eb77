"""What happens in a worktree: proposals, what a person asks of it, how it comes and goes."""
