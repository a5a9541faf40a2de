"""A model as a directory of plain files: written once by training, checked whenever it is loaded.

manifest.json names everything else with its SHA-256; network.onnx, encoder.json, encoder.npz, calibration.npz and
golden.json are data. Nothing in a bundle is code, and nothing is unpickled: a bundle comes from the network.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from adapters.session import OnnxNetwork
from core.calibration import Tail
from core.errors import BundleError
from core.features import FEATURE_VERSION, Encoder, Inputs
from core.scoring import DEFAULT_BUDGET, ModelRef, Scorer
from schemas.datasets import DatasetSpec
from schemas.declaration import Declaration, Parser

FORMAT = 1
MANIFEST = "manifest.json"
TOLERANCE = 1e-3
"""How far golden errors may lie from those of the machine that trained, relative to their size: kernels differ."""


def write(
    directory: Path,
    *,
    encoder: Encoder,
    network: bytes,
    tails: Mapping[bytes, Tail],
    reference: Inputs,
    golden: Sequence[Declaration],
    about: Mapping[str, Any],
) -> Scorer:
    """Writes a bundle into a new or empty directory and returns it as loaded from there.

    `about` is plain data for the manifest: seed, metrics, producer, digest of the training data.
    """
    directory.mkdir(parents=True, exist_ok=True)
    document, arrays = encoder.state()
    spec = encoder.spec
    keys = sorted(tails)
    calibration: dict[str, NDArray[Any]] = {
        "patterns": np.array([np.frombuffer(key, dtype=np.uint8) for key in keys]),
        "errors": np.array([tails[key].errors for key in keys]),
        "pareto": np.array([[tails[key].scale, tails[key].shape] for key in keys]),
        **{f"reference_{name}": value for name, value in reference._asdict().items()},
    }
    scores = Scorer(spec, ModelRef(spec.model, ""), encoder, OnnxNetwork(network), dict(tails), reference).score(golden)
    vectors = [
        {"declaration": msgspec.to_builtins(each), "error": float(error), "score": float(score)}
        for each, error, score in zip(golden, scores.error, scores.score, strict=True)
    ]
    files = {
        "network.onnx": network,
        "encoder.json": _json(document),
        "encoder.npz": _npz(arrays),
        "calibration.npz": _npz(calibration),
        "golden.json": _json(vectors),
    }
    manifest = {
        "format": FORMAT,
        "feature_version": FEATURE_VERSION,
        "dataset": spec.to_dict(),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        **about,
    }
    for name, content in files.items():
        (directory / name).write_bytes(content)
    (directory / MANIFEST).write_bytes(_json(manifest))
    return load(directory)


def manifest(directory: Path) -> dict[str, Any]:
    """A bundle's manifest; raises BundleError when it is no bundle or one of another format or feature version."""
    try:
        document = json.loads((directory / MANIFEST).read_bytes())
    except OSError:
        raise BundleError(f"{directory} is no model bundle: it has no {MANIFEST}. `vigia train` writes bundles") from None
    except ValueError as error:
        raise BundleError(f"{directory / MANIFEST} is damaged ({error}): fetch or train the bundle again") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BundleError(f"{directory} is not a bundle of format {FORMAT}: train it again with this release of Vigía")
    version = document.get("feature_version")
    if version != FEATURE_VERSION:
        raise BundleError(
            f"{directory} was made for feature version {version}, and this release computes version {FEATURE_VERSION}: "
            "train it again, or run the release that made it"
        )
    return document


def load(directory: Path, *, version: str | None = None, budget: float = DEFAULT_BUDGET) -> Scorer:
    """The scorer in a bundle, verified: digests, feature version, finite weights and golden vectors.

    `version` is the registry's; without one it follows from the manifest's digest. Raises BundleError.
    """
    about = manifest(directory)
    files = {name: _verified(directory / name, digest) for name, digest in about["files"].items()}
    try:
        spec = DatasetSpec.from_dict(about["dataset"])
        arrays, calibration = _arrays(files["encoder.npz"]), _arrays(files["calibration.npz"])
        for name, array in {**arrays, **calibration}.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise BundleError(f"{directory} holds values that are not finite, in {name}: train it again")
        encoder = Encoder.from_state(spec, json.loads(files["encoder.json"]), arrays)
        network = OnnxNetwork(files["network.onnx"])
        tails = {
            key.tobytes(): Tail(errors, float(scale), float(shape))
            for key, errors, (scale, shape) in zip(calibration["patterns"], calibration["errors"], calibration["pareto"], strict=True)
        }
        reference = Inputs(*(calibration[f"reference_{name}"] for name in Inputs._fields))
        golden = json.loads(files["golden.json"])
    except BundleError:
        raise
    except Exception as error:  # whatever a foreign file makes its reader raise
        raise BundleError(f"{directory} cannot be read ({type(error).__name__}: {error}): fetch or train it again") from error
    name = version or hashlib.sha256((directory / MANIFEST).read_bytes()).hexdigest()[:12]
    scorer = Scorer(spec, ModelRef(spec.model, name), encoder, network, tails, reference, budget)
    _check_golden(directory, scorer, golden)
    return scorer


def _check_golden(directory: Path, scorer: Scorer, golden: list[dict[str, Any]]) -> None:
    parser = Parser(scorer.spec)
    declarations = [each for each in (parser.from_row(vector["declaration"]) for vector in golden) if isinstance(each, Declaration)]
    if not golden or len(declarations) != len(golden):
        raise BundleError(f"{directory} has golden vectors that are no declarations: train it again with this release of Vigía")
    scores = scorer.score(declarations)
    for name, found in (("error", scores.error), ("score", scores.score)):
        wanted = np.array([vector[name] for vector in golden])
        off = np.abs(found - wanted) / (1.0 + np.abs(wanted))
        if not (off <= TOLERANCE).all():
            raise BundleError(
                f"{directory} does not give the {name}s that it was trained to give (off by up to {off.max():.3g}): "
                "its network or encoder is not sound on this machine; train it again"
            )
    scorer.explain(declarations[:1])  # what the first explanation has to prepare, the next ones find


def _verified(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError:
        raise BundleError(f"{path} is missing from the bundle: fetch it again") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise BundleError(f"{path} is not the file that the manifest names (its SHA-256 differs): fetch the bundle again")
    return content


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Like `np.savez_compressed`, with the same bytes for the same arrays whenever it runs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, array in sorted(arrays.items()):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), content.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode()
