// The last that an analyst said of an anomaly. It may come before the anomaly itself, whose verdict then completes the node.
// What was said earlier, or the same again, changes nothing. The first SET takes the node's lock, so it comes before the comparison.
UNWIND $filas AS f
WITH f[0] AS event_id, f[1] AS feedback_id, f[2] AS revision, f[3] AS quien, f[4] AS nota, f[5] AS fecha
MERGE (a:Anomalia {event_id: event_id})
SET a.event_id = event_id
WITH a, feedback_id, revision, quien, nota, fecha
WHERE a.revision_en IS NULL OR a.revision_en < fecha OR (a.revision_en = fecha AND a.revision_id < feedback_id)
SET a.revision = revision, a.revision_por = quien, a.revision_nota = nota, a.revision_en = fecha, a.revision_id = feedback_id
