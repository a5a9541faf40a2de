// How many relations of a kind some nodes have; the server knows without looking at them.
UNWIND $nombres AS nombre
MATCH (n:DESDE {CLAVE: nombre})
RETURN nombre, COUNT { PATRON } AS grado
