"""A self-service knowledge base and FAQ search service."""

__version__ = "0.1.0"
