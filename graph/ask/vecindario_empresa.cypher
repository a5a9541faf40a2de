// título: Vecindario de una empresa
// pregunta: ¿Qué declara una empresa, por qué puertos, desde cuándo, y qué hay de extraño en ello?
// parámetro empresa: NIT o nombre, tal como se declara
// parámetro limite = 50: número de filas
MATCH (e:Empresa {id: $empresa})-[d:DECLARA]->(s:Subpartida)
RETURN d.dataset AS dataset, s.codigo AS subpartida, s.descripcion AS descripcion, d.puerto AS puerto,
       d.declaraciones AS declaraciones, d.valor_fob_usd AS valor_fob_usd, d.peso_neto_kg AS peso_neto_kg,
       d.primera_fecha AS primera_fecha, d.ultima_fecha AS ultima_fecha, d.anomalias AS anomalias, d.score_maximo AS score_maximo
ORDER BY d.declaraciones DESC, subpartida, puerto
LIMIT $limite
