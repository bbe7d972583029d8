{"syntax": "example/frontend:2", "stages": []}
