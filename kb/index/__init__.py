"""The index on disk: Whoosh's schema, the snapshot compiled from it, generations of both."""
