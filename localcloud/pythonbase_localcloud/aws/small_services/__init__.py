"""Services that the application needs little of, one module each."""
