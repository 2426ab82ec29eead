"""Events that failed: whose fault that is, when they are tried again, and when a person has to decide."""
