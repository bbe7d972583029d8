"""What a service has released, and the way back."""
