"""The one process per lab that acts: how it opens a lab, what it is asked, within which limits it works."""
