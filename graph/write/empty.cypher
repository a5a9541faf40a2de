// Removes one kind of node, with its relations, in small transactions. A label cannot be a parameter: it is put in as text.
MATCH (n:$etiqueta)
CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS
