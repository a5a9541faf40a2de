// título: Mayores anomalías de un capítulo
// pregunta: ¿Cuáles son las declaraciones más extrañas de un capítulo del arancel, de quién son, y qué han dicho de ellas los analistas?
// parámetro capitulo: dos dígitos, con el cero: 09
// parámetro limite = 20: número de filas
MATCH (c:Capitulo {codigo: $capitulo})<-[:PERTENECE_A]-(h:Partida)<-[:PERTENECE_A]-(s:Subpartida)<-[:INVOLUCRA]-(a:Anomalia)
WITH h, s, a
ORDER BY a.score DESC, a.event_id
LIMIT $limite
MATCH (a)-[:INVOLUCRA]->(e:Empresa)
MATCH (a)-[:INVOLUCRA]->(p:Puerto)
RETURN round(a.score, 2) AS score, a.severity AS severity, a.fecha AS fecha, e.id AS empresa, s.codigo AS subpartida,
       coalesce(s.descripcion, h.descripcion) AS descripcion, p.nombre AS puerto, a.valor_fob_usd AS valor_fob_usd,
       a.peso_neto_kg AS peso_neto_kg, a.revision AS revision, a.revision_por AS revision_por, a.revision_nota AS revision_nota,
       a.declaration_id AS declaration_id, a.dataset AS dataset
ORDER BY score DESC, declaration_id
