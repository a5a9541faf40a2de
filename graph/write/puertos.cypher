UNWIND $filas AS nombre
MERGE (:Puerto {nombre: nombre})
