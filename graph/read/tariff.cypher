// The chapters that codes belong to, or the codes of a chapter that somebody declares.
MATCH (s:Subpartida)-[:PERTENECE_A]->(:Partida)-[:PERTENECE_A]->(c:Capitulo)
WHERE s.codigo IN $codigos OR c.codigo IN $capitulos
WITH s, c
ORDER BY s.codigo
LIMIT $limite
RETURN s.codigo AS codigo, s.descripcion AS descripcion, c.codigo AS capitulo, c.descripcion AS del_capitulo
