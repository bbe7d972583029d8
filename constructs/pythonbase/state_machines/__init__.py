"""Building blocks of the definitions of Step Functions state machines."""
