UNWIND $filas AS id
MERGE (:Empresa {id: id})
