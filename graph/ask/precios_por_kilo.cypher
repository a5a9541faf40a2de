// título: Empresas con un precio por kilo fuera de lo común
// pregunta: ¿Quién declara una subpartida a un valor por kilo muy distinto del de las demás empresas?
// parámetro subpartida: código de 6 dígitos, que reúne los nacionales que empiezan por él
// parámetro dataset = exportaciones: conjunto de datos
// parámetro veces = 3: cuántas veces más caro o más barato que el conjunto
// parámetro limite = 20: número de filas
MATCH (e:Empresa)-[d:DECLARA {dataset: $dataset}]->(s:Subpartida {sa6: $subpartida})
WHERE d.peso_neto_kg > 0 AND d.valor_fob_usd > 0
WITH e, sum(d.valor_fob_usd) AS valor, sum(d.peso_neto_kg) AS peso, sum(d.declaraciones) AS declaraciones
WITH collect({empresa: e.id, valor: valor, peso: peso, declaraciones: declaraciones}) AS filas,
     percentileCont(valor / peso, 0.5) AS mediana
UNWIND filas AS f
WITH f, mediana, f.valor / f.peso AS precio
WHERE precio > $veces * mediana OR precio < mediana / $veces
RETURN f.empresa AS empresa, round(precio, 4) AS usd_por_kg, round(mediana, 4) AS mediana_usd_por_kg,
       round(precio / mediana, 2) AS veces, f.declaraciones AS declaraciones, f.valor AS valor_fob_usd, f.peso AS peso_neto_kg
ORDER BY abs(log(precio / mediana)) DESC, empresa
LIMIT $limite
