// The last offset applied per topic and partition.
MATCH (x:Posicion)
WHERE x.offset IS NOT NULL
RETURN x.topic AS topic, x.particion AS particion, x.offset AS offset
