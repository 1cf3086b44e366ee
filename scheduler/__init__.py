"""The clock: fires schedules. The table is the truth; what was missed is caught by a sweep."""
