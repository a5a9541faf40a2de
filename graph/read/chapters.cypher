// The chapters that codes belong to, each code with its figures over all ports.
UNWIND $codigos AS codigo
MATCH (s:Subpartida {codigo: codigo})-[:PERTENECE_A]->(:Partida)-[:PERTENECE_A]->(c:Capitulo)
CALL (s) {
  MATCH (s)-[r:SALE_POR]->(:Puerto)
  WHERE ($dataset IS NULL OR r.dataset = $dataset)
    AND ($desde IS NULL OR r.ultima_fecha >= $desde)
    AND ($hasta IS NULL OR r.primera_fecha <= $hasta)
  RETURN {anomalias: sum(r.anomalias), declaraciones: sum(r.declaraciones), score_maximo: max(r.score_maximo)} AS cifras
}
RETURN codigo, s.descripcion AS descripcion, c.codigo AS capitulo, c.descripcion AS titulo, cifras
