// The chapters and headings of the tariff with their descriptions.
UNWIND $filas AS f
MERGE (c:Capitulo {codigo: f.codigo})
SET c.descripcion = f.descripcion, c.seccion = f.seccion
WITH c, f
UNWIND f.partidas AS h
MERGE (p:Partida {codigo: h.codigo})
SET p.descripcion = h.descripcion
MERGE (p)-[:PERTENECE_A]->(c)
