"""The outside world, one folder each, loaded by name. An integration translates and decides nothing."""
