"""`make faults`: what can go wrong with a release, injected one after the other, and what was observed."""
