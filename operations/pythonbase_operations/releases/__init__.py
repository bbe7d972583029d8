"""The releases of a service, and rollback."""
