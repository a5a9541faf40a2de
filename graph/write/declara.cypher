// One relation per empresa, subpartida and puerto in a dataset. Sums are of the amounts that were declared: never declared, no property.
UNWIND $filas AS f
WITH f[0] AS dataset, f[1] AS empresa, f[2] AS subpartida, f[3] AS puerto, f[4] AS declaraciones, f[5] AS anomalias, f[6] AS score,
     $dias[f[7]] AS primera, $dias[f[8]] AS ultima,
     f[9] AS sumas
MATCH (a:Empresa {id: empresa})
MATCH (b:Subpartida {codigo: subpartida})
MERGE (a)-[r:DECLARA {puerto: puerto, dataset: dataset}]->(b)
SET r.declaraciones = coalesce(r.declaraciones, 0) + declaraciones,
    r.anomalias = coalesce(r.anomalias, 0) + anomalias,
    r.score_maximo = CASE WHEN score <= r.score_maximo THEN r.score_maximo ELSE score END,
    r.primera_fecha = CASE WHEN r.primera_fecha IS NULL OR primera < r.primera_fecha THEN primera ELSE r.primera_fecha END,
    r.ultima_fecha = CASE WHEN r.ultima_fecha IS NULL OR ultima > r.ultima_fecha THEN ultima ELSE r.ultima_fecha END
FOREACH (i IN range(0, size($campos) - 1) |
  SET r[$campos[i]] = coalesce(r[$campos[i]] + sumas[i], r[$campos[i]], sumas[i])
)
