// título: Puertos inusuales para una subpartida
// pregunta: ¿Por qué puertos sale una subpartida solo de vez en cuando, y qué empresas la llevan por ahí?
// parámetro subpartida: código, o sus primeros dígitos (6 como mínimo para que diga algo)
// parámetro dataset = exportaciones: conjunto de datos
// parámetro participacion_maxima = 0.05: se muestra un puerto si tiene a lo sumo esta parte de las declaraciones (0 a 1)
MATCH (s:Subpartida)-[r:SALE_POR {dataset: $dataset}]->(p:Puerto)
WHERE s.codigo STARTS WITH $subpartida
WITH sum(r.declaraciones) AS total
MATCH (s:Subpartida)-[r:SALE_POR {dataset: $dataset}]->(p:Puerto)
WHERE s.codigo STARTS WITH $subpartida
WITH total, p, sum(r.declaraciones) AS declaraciones, max(r.score_maximo) AS score_maximo
WHERE declaraciones <= $participacion_maxima * total
MATCH (e:Empresa)-[d:DECLARA {dataset: $dataset, puerto: p.nombre}]->(s:Subpartida)
WHERE s.codigo STARTS WITH $subpartida
RETURN p.nombre AS puerto, declaraciones, round(1.0 * declaraciones / total, 4) AS participacion, score_maximo,
       collect(DISTINCT e.id)[..10] AS empresas
ORDER BY declaraciones, puerto
