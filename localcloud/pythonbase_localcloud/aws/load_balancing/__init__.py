"""Load balancers: health checks, and requests that go to healthy targets only."""
