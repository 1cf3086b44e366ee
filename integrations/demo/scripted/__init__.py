"""The agent's program. Standard library only, and of that only what imports fast: no dataclasses, typing or pathlib."""
