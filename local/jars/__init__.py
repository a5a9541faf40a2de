"""The jars of the real servers: pinned by digest in the `.lock` files beside this one, fetched once per user."""
