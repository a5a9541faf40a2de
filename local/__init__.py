"""The embedded stack: real Kafka, Neo4j and PostgreSQL without Docker."""
