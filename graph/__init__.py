"""The graph of who declares what through where, in Neo4j: its schema, its idempotent writer, its questions."""
