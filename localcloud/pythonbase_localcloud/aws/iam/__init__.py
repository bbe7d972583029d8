"""Who may do what: resources and conditions of requests, passed and trusted roles, credentials of roles."""
