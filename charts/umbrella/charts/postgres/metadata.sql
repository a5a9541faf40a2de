-- Besides the database of POSTGRES_DB: runs once, on an empty volume.
CREATE DATABASE mlflow;
CREATE DATABASE prefect;
