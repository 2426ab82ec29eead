"""The reference: each module looks at the code and writes one page."""
