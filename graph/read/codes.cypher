// The codes of chapters that were declared: those with the most anomalies first, then the busiest. Figures are over all ports.
UNWIND $capitulos AS capitulo
MATCH (c:Capitulo {codigo: capitulo})
CALL (c) {
  MATCH (c)<-[:PERTENECE_A]-(:Partida)<-[:PERTENECE_A]-(s:Subpartida)-[r:SALE_POR]->(:Puerto)
  WHERE ($dataset IS NULL OR r.dataset = $dataset)
    AND ($desde IS NULL OR r.ultima_fecha >= $desde)
    AND ($hasta IS NULL OR r.primera_fecha <= $hasta)
  WITH s, sum(r.anomalias) AS anomalias, sum(r.declaraciones) AS declaraciones, max(r.score_maximo) AS score_maximo
  ORDER BY anomalias DESC, declaraciones DESC, s.codigo
  LIMIT $cada
  WITH collect([s, {anomalias: anomalias, declaraciones: declaraciones, score_maximo: score_maximo}]) AS filas
  UNWIND range(0, size(filas) - 1) AS puesto
  RETURN puesto, filas[puesto][0] AS s, filas[puesto][1] AS cifras
}
RETURN s.codigo AS codigo, s.descripcion AS descripcion, capitulo, c.descripcion AS titulo, cifras, puesto
