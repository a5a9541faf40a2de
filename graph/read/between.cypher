// Which ports some codes leave through, of the ports that are shown.
MATCH (s:Subpartida)-[r:SALE_POR]->(p:Puerto)
WHERE s.codigo IN $codigos AND p.nombre IN $puertos AND ($dataset IS NULL OR r.dataset = $dataset)
  AND ($desde IS NULL OR r.ultima_fecha >= $desde)
  AND ($hasta IS NULL OR r.primera_fecha <= $hasta)
RETURN s.codigo AS nombre, p.nombre AS otro, properties(r) AS propiedades
ORDER BY r.anomalias DESC, r.declaraciones DESC, nombre, otro, r.dataset
