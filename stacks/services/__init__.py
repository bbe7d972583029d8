"""The stacks of a service. `composition` adds them to the app; `parts` is what they are made from."""
