// An anomalous verdict, and what it is about. `propiedades` holds the verdict and the fields that were declared.
UNWIND $filas AS f
WITH f[0] AS event_id, f[1] AS empresa, f[2] AS subpartida, f[3] AS puerto, f[4] AS propiedades
MATCH (e:Empresa {id: empresa})
MATCH (s:Subpartida {codigo: subpartida})
MATCH (p:Puerto {nombre: puerto})
MERGE (a:Anomalia {event_id: event_id})
SET a += propiedades
MERGE (a)-[:INVOLUCRA]->(e)
MERGE (a)-[:INVOLUCRA]->(s)
MERGE (a)-[:INVOLUCRA]->(p)
