// What is one relation away from some nodes: of each, the relations with the most anomalies first, then the busiest.
// The names in capitals are put in by `graph.neighbourhood`: they are no parameters in Cypher.
UNWIND $nombres AS nombre
MATCH (n:DESDE {CLAVE: nombre})
CALL (n) {
  MATCH PATRON
  WHERE ($dataset IS NULL OR r.dataset = $dataset)
    AND ($desde IS NULL OR r.ultima_fecha >= $desde)
    AND ($hasta IS NULL OR r.primera_fecha <= $hasta)
  RETURN r, m
  ORDER BY r.anomalias DESC, r.declaraciones DESC, m.NOMBRE, coalesce(r.puerto, ''), r.dataset
  LIMIT $cada
}
RETURN nombre, m.NOMBRE AS otro, properties(r) AS propiedades, m.descripcion AS descripcion
