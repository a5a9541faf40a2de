// A code of 6 to 10 digits under its heading. Its description is that of its six international digits.
// A heading or a chapter that the tariff does not know is made without a description.
UNWIND $filas AS f
WITH f[0] AS codigo, f[1] AS descripcion
MERGE (s:Subpartida {codigo: codigo})
  ON CREATE SET s.sa6 = left(codigo, 6), s.descripcion = descripcion
WITH s
WHERE NOT EXISTS { (s)-[:PERTENECE_A]->(:Partida) }
MERGE (p:Partida {codigo: left(s.codigo, 4)})
MERGE (c:Capitulo {codigo: left(s.codigo, 2)})
MERGE (s)-[:PERTENECE_A]->(p)
MERGE (p)-[:PERTENECE_A]->(c)
