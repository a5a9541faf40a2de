// título: Contrapartes que unen anomalías de varias empresas
// pregunta: ¿Qué compradores o proveedores del exterior aparecen en anomalías de empresas distintas?
// parámetro empresas_minimas = 2: número de empresas a partir del cual se muestra
// parámetro limite = 20: número de filas
MATCH (a:Anomalia)-[:INVOLUCRA]->(e:Empresa)
WHERE a.contraparte IS NOT NULL
WITH a.contraparte AS contraparte, collect(DISTINCT e.id) AS empresas, count(*) AS anomalias,
     count(CASE a.revision WHEN 'confirmada' THEN 1 END) AS confirmadas,
     count(CASE a.revision WHEN 'descartada' THEN 1 END) AS descartadas, max(a.score) AS score_maximo,
     collect(DISTINCT a.pais)[..10] AS paises
WHERE size(empresas) >= $empresas_minimas
RETURN contraparte, size(empresas) AS cuantas, empresas[..10] AS empresas, anomalias, confirmadas, descartadas, paises, score_maximo
ORDER BY cuantas DESC, anomalias DESC, contraparte
LIMIT $limite
