// One row while `vigia graph rebuild` is emptying the graph.
MATCH (x:Vaciado)
RETURN x
LIMIT 1
