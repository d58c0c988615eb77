"""The screens, one module each: which panes, where they stand, and what this screen's keys do."""
