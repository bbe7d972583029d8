"""For tests on a local cloud: a running instance, callers with narrow policies, clients, small resources."""
