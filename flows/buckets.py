"""`python -m flows.buckets NAME …`: makes buckets on the S3 server of MLFLOW_S3_ENDPOINT_URL that are not there yet."""

import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def main(names: list[str]) -> None:
    """Exits with a sentence when the server does not answer or refuses."""
    if not names:
        raise SystemExit("usage: python -m flows.buckets NAME …")
    endpoint = os.environ.get("MLFLOW_S3_ENDPOINT_URL")
    s3 = boto3.client("s3", endpoint_url=endpoint, region_name=os.environ.get("AWS_DEFAULT_REGION", "us-east-1"))
    for name in names:
        try:
            s3.create_bucket(Bucket=name)
        except (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
            print(f"the bucket {name} is there", flush=True)
        except (BotoCoreError, ClientError) as error:
            raise SystemExit(f"the bucket {name} cannot be made on {endpoint or 'AWS'}: {error}") from None
        else:
            print(f"the bucket {name} was made", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
