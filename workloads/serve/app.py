"""The Serve application: HTTP ingress → batched preprocessing → classifier → the asking tenant's head."""

import asyncio
import logging
from typing import Annotated, Any

import numpy as np
import ray
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle

from workloads import digits, registry
from workloads.serve import classifier
from workloads.serve.device import Device
from workloads.storage import open_storage

FOLLOW_S = 10.0
"""How often an alias is looked up, seconds."""

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
    """The shared model. A new version comes into running replicas, by `user_config` or by the registry's alias."""

    def __init__(self, models: str) -> None:
        self._models = open_storage(models)
        self._device = Device(gpu=bool(ray.get_gpu_ids()))
        self._served = ""
        self._refused = ""
        self._following: asyncio.Task[None] | None = None

    async def reconfigure(self, config: dict[str, Any]) -> None:
        """Take the model of `config["model"]`: a registry reference, or `baseline`, which needs no registry.

        An alias is followed: looked up again every `config["follow_s"]` seconds, so that a promotion is all that a
        roll-out takes. A first model that cannot be used fails the deployment. A later one is refused, and said so in
        each answer of `/version`: the replica goes on with the model that it has, for a bad roll-out must not end a
        service. `config["until_promoted"]` is served where the alias does not mean anything yet.
        """
        wanted, first = config["model"], config.get("until_promoted")
        if self._following:
            self._following.cancel()
        if first and not self._served:
            await self._take(first)
        await self._take(wanted)
        if wanted not in (classifier.BASELINE, self._served):
            self._following = asyncio.create_task(self._follow(wanted, config.get("follow_s", FOLLOW_S)))

    async def _follow(self, alias: str, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self._take(alias)

    async def _take(self, wanted: str) -> None:
        try:
            # Storage may be slow: requests are answered meanwhile.
            reference, arrays = await asyncio.to_thread(self._find, wanted)
            if arrays is not None:
                self._device.take(classifier.check(arrays))
        except (registry.ModelError, ValueError, OSError) as error:
            if not self._served:
                raise
            self._refused = f"{wanted}: {error}"
            log.error("keeping %s; refused %s", self._served, self._refused)
            return
        self._served, self._refused = reference, ""

    def _find(self, wanted: str) -> tuple[str, classifier.Arrays | None]:
        """The exact version that is meant, and its arrays where it is not the one that is served."""
        if wanted == classifier.BASELINE:
            return wanted, classifier.baseline()[0]
        reference = registry.resolve(self._models, wanted)
        return reference, None if reference == self._served else registry.load(self._models, reference).arrays

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


def build(arguments: Arguments) -> serve.Application:
    """The application, as `import_path: workloads.serve.app:build` builds it on the cluster."""
    return Ingress.bind(Preprocess.bind(), Classifier.bind(arguments.models), TenantHead.bind(arguments.models))
