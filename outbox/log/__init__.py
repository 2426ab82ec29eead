"""The log as all its readers see it: whether a stored position may be believed."""
