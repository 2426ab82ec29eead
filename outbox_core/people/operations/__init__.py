"""The pages of operations, the same on both sides."""
