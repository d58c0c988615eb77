"""How a kept experiment becomes trunk: judged, stacked, confirmed, merged, and what a person may do with it."""
