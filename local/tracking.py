"""`python -m local.tracking PORT`: MLflow's server in this one process.

`mlflow server` imports everything twice, in a parent that only waits and in a child that serves: 260 MB and half of the
start more, for the workers and job runners that one machine does not need. The settings are MLflow's own variables:
MLFLOW_BACKEND_STORE_URI and MLFLOW_ARTIFACTS_DESTINATION.
"""

import os
import sys


def main(port: int) -> None:
    """Serves until SIGTERM."""
    from mlflow.server import constants, handlers

    database, root = os.environ["MLFLOW_BACKEND_STORE_URI"], "mlflow-artifacts:/"
    os.environ.update(
        {
            constants.BACKEND_STORE_URI_ENV_VAR: database,
            constants.REGISTRY_STORE_URI_ENV_VAR: database,
            constants.ARTIFACT_ROOT_ENV_VAR: root,
            constants.ARTIFACTS_DESTINATION_ENV_VAR: os.environ["MLFLOW_ARTIFACTS_DESTINATION"],
            constants.SERVE_ARTIFACTS_ENV_VAR: "true",
        }
    )
    handlers.initialize_backend_stores(database, database, root)

    import uvicorn

    uvicorn.run("mlflow.server.fastapi_app:app", host="127.0.0.1", port=port, access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
