// Whether there is a node of this name.
MATCH (n:DESDE {CLAVE: $nombre})
RETURN n.descripcion AS descripcion
