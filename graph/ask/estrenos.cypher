// título: Empresas conocidas que estrenan producto o puerto
// pregunta: ¿Qué empresas con historia empezaron hace poco a declarar una subpartida o a usar un puerto?
// parámetro desde: primera fecha que cuenta como reciente: 2025-09-01
// parámetro dataset = exportaciones: conjunto de datos
// parámetro declaraciones_minimas = 20: historia que debe tener la empresa antes de esa fecha
// parámetro limite = 20: número de filas
MATCH (e:Empresa)-[d:DECLARA {dataset: $dataset}]->(:Subpartida)
WHERE d.primera_fecha < date($desde)
WITH e, sum(d.declaraciones) AS historia
WHERE historia >= $declaraciones_minimas
MATCH (e)-[n:DECLARA {dataset: $dataset}]->(s:Subpartida)
WHERE n.primera_fecha >= date($desde)
RETURN e.id AS empresa, s.codigo AS subpartida, s.descripcion AS descripcion, n.puerto AS puerto,
       n.primera_fecha AS primera_fecha, n.declaraciones AS declaraciones, n.anomalias AS anomalias,
       n.score_maximo AS score_maximo, historia
ORDER BY score_maximo DESC, empresa, subpartida, puerto
LIMIT $limite
