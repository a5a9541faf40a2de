// título: Empresas que se parecen a una
// pregunta: ¿Qué otras empresas declaran las mismas subpartidas por los mismos puertos?
// parámetro empresa: NIT o nombre, tal como se declara
// parámetro limite = 20: número de filas
MATCH (e:Empresa {id: $empresa})
WITH e, COUNT { (e)-[:DECLARA]->() } AS suyas
MATCH (e)-[d:DECLARA]->(s:Subpartida)<-[o:DECLARA {puerto: d.puerto, dataset: d.dataset}]-(otra:Empresa)
WHERE otra <> e
WITH suyas, otra, count(*) AS en_comun, sum(o.anomalias) AS anomalias, collect(DISTINCT s.codigo)[..10] AS subpartidas
WITH suyas, otra, en_comun, anomalias, subpartidas, COUNT { (otra)-[:DECLARA]->() } AS de_la_otra
RETURN otra.id AS empresa, en_comun, round(1.0 * en_comun / (suyas + de_la_otra - en_comun), 3) AS parecido,
       anomalias AS anomalias_en_comun, subpartidas
ORDER BY parecido DESC, en_comun DESC, empresa
LIMIT $limite
