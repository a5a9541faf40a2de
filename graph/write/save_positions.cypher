UNWIND $filas AS f
MATCH (x:Posicion {topic: f.topic, particion: f.particion})
SET x.offset = f.offset
