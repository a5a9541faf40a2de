// Takes the write lock of each partition's position, then reads it: of two writers with the same records,
// the second waits here and finds them applied. The SET is what takes the lock, so it comes before the reading.
UNWIND $particiones AS p
MERGE (x:Posicion {topic: p.topic, particion: p.particion})
SET x.actualizada = datetime()
WITH x
RETURN x.topic AS topic, x.particion AS particion, x.offset AS offset
