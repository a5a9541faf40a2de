// título: Empresas con más anomalías de las que les tocan
// pregunta: ¿Qué empresas tienen la mayor parte de sus declaraciones entre las anómalas?
// parámetro dataset = exportaciones: conjunto de datos
// parámetro declaraciones_minimas = 20: con menos declaraciones, una parte no dice nada
// parámetro limite = 20: número de filas
MATCH (e:Empresa)-[o:OPERA_EN {dataset: $dataset}]->(p:Puerto)
WITH e, sum(o.declaraciones) AS declaraciones, sum(o.anomalias) AS anomalias, max(o.score_maximo) AS score_maximo,
     collect(p.nombre)[..10] AS puertos
WHERE anomalias > 0 AND declaraciones >= $declaraciones_minimas
WITH e, declaraciones, anomalias, round(1.0 * anomalias / declaraciones, 4) AS parte, score_maximo, puertos
ORDER BY parte DESC, anomalias DESC, e.id
LIMIT $limite
RETURN e.id AS empresa, declaraciones, anomalias, parte,
       COUNT { (e)<-[:INVOLUCRA]-(:Anomalia {dataset: $dataset, revision: 'confirmada'}) } AS confirmadas,
       COUNT { (e)<-[:INVOLUCRA]-(:Anomalia {dataset: $dataset, revision: 'descartada'}) } AS descartadas, score_maximo, puertos
ORDER BY parte DESC, anomalias DESC, empresa
