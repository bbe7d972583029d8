"""What all parts do on this machine: run programs, hold locks, reserve ports, report progress."""
