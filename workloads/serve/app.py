"""The Serve application: HTTP ingress → batched preprocessing → classifier → the asking tenant's head."""

import logging
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle

from workloads import digits, registry
from workloads.serve import classifier
from workloads.storage import open_storage

log = logging.getLogger("ray.serve")
api = FastAPI(title="Digits", docs_url=None, redoc_url=None)

Pixel = Annotated[float, Field(ge=0, le=16)]
Tenant = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class Arguments(BaseModel):
    """What the declarative config gives the application: the registry of models."""

    model_config = ConfigDict(extra="forbid")
    models: str


class Request(BaseModel):
    """One image of 64 pixels, 0–16, and whose head is asked beside the shared classifier."""

    model_config = ConfigDict(extra="forbid")
    pixels: Annotated[list[Pixel], Field(min_length=digits.FEATURES, max_length=digits.FEATURES)]
    tenant: Tenant | None = None


@serve.deployment()
class Preprocess:
    """Pixels to rows of 0–1, many requests at once."""

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.002)
    async def __call__(self, images: list[list[float]]) -> list[np.ndarray]:
        return list(np.asarray(images, dtype=np.float32) / 16.0)


@serve.deployment()
class Classifier:
    """The shared model. A new version comes by `user_config` alone, into running replicas."""

    def __init__(self, models: str) -> None:
        self._models = open_storage(models)
        self._device = Device()
        self._served = ""
        self._refused = ""

    def reconfigure(self, config: dict[str, Any]) -> None:
        """Take the model of `config["model"]`: a registry reference, or `baseline`, which needs no registry.

        A first model that cannot be used fails the deployment. A later one is refused, and said so in each answer
        of `/version`: the replica goes on with the model that it has, for a bad roll-out must not end a service.
        """
        try:
            reference, arrays = self._find(config["model"])
            self._device.take(classifier.check(arrays))
        except (registry.ModelError, ValueError, OSError) as error:
            if not self._served:
                raise
            self._refused = f"{config['model']}: {error}"
            log.error("keeping %s; refused %s", self._served, self._refused)
            return
        self._served, self._refused = reference, ""

    def _find(self, wanted: str) -> tuple[str, classifier.Arrays]:
        if wanted == classifier.BASELINE:
            return wanted, classifier.baseline()[0]
        model = registry.load(self._models, wanted)
        return model.reference, model.arrays

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.002)
    async def __call__(self, images: list[np.ndarray]) -> list[dict[str, Any]]:
        found = self._device.predict(np.stack(images))
        return [
            {
                "digit": int(probabilities.argmax()),
                "confidence": round(float(probabilities.max()), 4),
                "model": self._served,
                "features": features,
            }
            for features, probabilities in zip(*found, strict=True)
        ]

    async def version(self) -> dict[str, str]:
        """What is served, and what was refused, if anything was."""
        return {"model": self._served, **({"refused": self._refused} if self._refused else {})}


@serve.deployment()
class TenantHead:
    """Each tenant's own last layer, a few of them in a replica, loaded when they are asked for."""

    def __init__(self, models: str) -> None:
        self._models = open_storage(models)

    @serve.multiplexed(max_num_models_per_replica=8)
    async def head(self, tenant: str) -> classifier.Arrays | None:
        try:
            return registry.load(self._models, f"head-{tenant}").arrays
        except registry.ModelError:
            return None

    async def __call__(self, classified: dict[str, Any]) -> int | str:
        """The tenant's digit, or why there is none."""
        tenant = serve.get_multiplexed_model_id()
        head = await self.head(tenant)
        if head is None:
            return f"there is no head of tenant {tenant!r}"
        try:
            return classifier.head_digit(head, classified["features"])
        except ValueError as error:
            return f"the head of tenant {tenant!r} is of another model: {error}"


# Serve copies the FastAPI application as it is decorated: what its routes call must be defined before.
def _public(classified: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in classified.items() if name != "features"}


@serve.deployment()
@serve.ingress(api)
class Ingress:
    """The HTTP face. Answers 422 for what is no image, 404 for an unknown tenant, 503 when the stages are full."""

    def __init__(self, preprocess: DeploymentHandle, shared: DeploymentHandle, heads: DeploymentHandle) -> None:
        self._preprocess, self._shared, self._heads = preprocess, shared, heads

    @api.post("/predict")
    async def predict(self, request: Request) -> dict[str, Any]:
        try:
            # Responses are passed on without being awaited: the rows go from stage to stage, not through here.
            classified = self._shared.remote(self._preprocess.remote(request.pixels))
            if request.tenant is None:
                return _public(await classified)
            digit = self._heads.options(multiplexed_model_id=request.tenant).remote(classified)
            answer, own = _public(await classified), await digit
        except BackPressureError as error:
            raise HTTPException(503, "too many requests are waiting", {"Retry-After": "1"}) from error
        if isinstance(own, str):
            raise HTTPException(404, own)
        return answer | {"tenant_digit": own}

    @api.get("/version")
    async def version(self) -> dict[str, str]:
        return await self._shared.version.remote()

    @api.get("/healthz")
    async def healthz(self) -> str:
        return "ok"


class Device:
    """Where the classifier's arithmetic runs: on the replica's share of a GPU where it has one, else in NumPy.

    PyTorch is imported only for a GPU: on a small CPU its import is most of a replica's cold start.
    """

    def __init__(self) -> None:
        self._torch: Any = None
        if serve.get_replica_context() and _gpus():
            import torch

            self._torch = torch
        self._arrays: Any = {}

    def take(self, arrays: classifier.Arrays) -> None:
        """Use these weights from the next batch on; all of them at once."""
        if self._torch:
            self._arrays = {part: self._torch.as_tensor(array, device="cuda") for part, array in arrays.items()}
        else:
            self._arrays = arrays

    def predict(self, images: np.ndarray) -> classifier.Prediction:
        """Classify a batch."""
        if not self._torch:
            return classifier.predict(self._arrays, images)
        with self._torch.no_grad():
            rows = self._torch.as_tensor(images, device="cuda")
            features = (rows @ self._arrays["w1"] + self._arrays["b1"]).relu()
            probabilities = (features @ self._arrays["w2"] + self._arrays["b2"]).softmax(dim=-1)
            return classifier.Prediction(features.cpu().numpy(), probabilities.cpu().numpy())


def _gpus() -> list:
    import ray

    return ray.get_gpu_ids()


def build(arguments: Arguments) -> serve.Application:
    """The application, as `import_path: workloads.serve.app:build` builds it on the cluster."""
    return Ingress.bind(Preprocess.bind(), Classifier.bind(arguments.models), TenantHead.bind(arguments.models))
