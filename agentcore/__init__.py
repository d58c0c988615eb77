"""Agents, their briefs, events, the journal, the lab's state and its engine. Knows no terminal."""
