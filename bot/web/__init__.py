"""HTTP: the API, health, metrics, and later pages and doors of integrations, in one FastAPI app."""
