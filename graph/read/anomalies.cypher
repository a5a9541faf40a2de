// The strangest anomalies that a node is involved in, and what else they involve.
MATCH (n:DESDE {CLAVE: $nombre})
MATCH CAMINO<-[:INVOLUCRA]-(a:Anomalia)
WHERE a.score IS NOT NULL
  AND ($dataset IS NULL OR a.dataset = $dataset)
  AND ($desde IS NULL OR a.fecha >= $desde)
  AND ($hasta IS NULL OR a.fecha <= $hasta)
WITH a
ORDER BY a.score DESC, a.event_id
LIMIT $limite
MATCH (a)-[:INVOLUCRA]->(e:Empresa)
MATCH (a)-[:INVOLUCRA]->(s:Subpartida)
MATCH (a)-[:INVOLUCRA]->(p:Puerto)
RETURN properties(a) AS propiedades, e.id AS empresa, s.codigo AS subpartida, s.descripcion AS descripcion, p.nombre AS puerto
ORDER BY a.score DESC, a.event_id
