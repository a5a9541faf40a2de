// What companies that are shown have with codes or ports that are shown, where the company or the other was followed.
// It starts from the companies, which have few relations: a port may have hundreds of thousands.
UNWIND $empresas AS empresa
WITH empresa[0] AS nombre, empresa[1] AS seguida
MATCH (n:Empresa {id: nombre})
CALL (n, seguida) {
  MATCH PATRON
  WHERE m.NOMBRE IN $todos AND (seguida OR m.NOMBRE IN $seguidos)
    AND ($dataset IS NULL OR r.dataset = $dataset)
    AND ($desde IS NULL OR r.ultima_fecha >= $desde)
    AND ($hasta IS NULL OR r.primera_fecha <= $hasta)
  RETURN r, m
}
WITH nombre, m.NOMBRE AS otro, r
ORDER BY r.anomalias DESC, r.declaraciones DESC, nombre, otro, coalesce(r.puerto, ''), r.dataset
LIMIT $limite
RETURN nombre, otro, properties(r) AS propiedades
