// What the graph promises, and what makes looking it up fast. Community edition: uniqueness, no node keys.
// Statements end with a semicolon and are applied in order; applying them again changes nothing.

CREATE CONSTRAINT empresa_id IF NOT EXISTS FOR (n:Empresa) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT subpartida_codigo IF NOT EXISTS FOR (n:Subpartida) REQUIRE n.codigo IS UNIQUE;
CREATE CONSTRAINT partida_codigo IF NOT EXISTS FOR (n:Partida) REQUIRE n.codigo IS UNIQUE;
CREATE CONSTRAINT capitulo_codigo IF NOT EXISTS FOR (n:Capitulo) REQUIRE n.codigo IS UNIQUE;
CREATE CONSTRAINT puerto_nombre IF NOT EXISTS FOR (n:Puerto) REQUIRE n.nombre IS UNIQUE;
CREATE CONSTRAINT anomalia_event_id IF NOT EXISTS FOR (n:Anomalia) REQUIRE n.event_id IS UNIQUE;
CREATE CONSTRAINT posicion_particion IF NOT EXISTS FOR (n:Posicion) REQUIRE (n.topic, n.particion) IS UNIQUE;

// The international six digits that a national code of seven to ten digits begins with.
CREATE INDEX subpartida_sa6 IF NOT EXISTS FOR (n:Subpartida) ON (n.sa6);
CREATE INDEX anomalia_score IF NOT EXISTS FOR (n:Anomalia) ON (n.score);
CREATE INDEX anomalia_fecha IF NOT EXISTS FOR (n:Anomalia) ON (n.fecha);
CREATE INDEX anomalia_contraparte IF NOT EXISTS FOR (n:Anomalia) ON (n.contraparte);
CREATE INDEX anomalia_revision IF NOT EXISTS FOR (n:Anomalia) ON (n.revision);
