"""The command `pythonbase`: what people do with a platform that is deployed, or before they move to it."""
