"""The Serve application: HTTP ingress → batched preprocessing → classifier → the asking tenant's head."""

import asyncio
import logging
from typing import Any, NamedTuple

import numpy as np
import ray
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from ray import serve
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle

from workloads import registry
from workloads.serve import classifier
from workloads.serve.device import Device
from workloads.serve.request import Request
from workloads.storage import open_storage

FOLLOW_S = 10.0
"""How often an alias is looked up, seconds."""

BATCH, BATCHES = 32, 4
"""Requests that go through the stages together at most, and how many such batches of one ingress are on their way."""

log = logging.getLogger("ray.serve")
api = FastAPI(title="Digits", docs_url=None, redoc_url=None)


class Arguments(BaseModel):
    """What the declarative config gives the application: the registry of models."""

    model_config = ConfigDict(extra="forbid")
    models: str


class Classified(NamedTuple):
    """What the shared model says of a batch, by row; `features` (n × width) where they were asked for."""

    digits: list[int]
    confidences: list[float]
    model: str
    features: np.ndarray | None


@serve.deployment()
class Preprocess:
    """Pixels to rows of 0–1, a batch of requests at once."""

    async def __call__(self, pixels: np.ndarray) -> np.ndarray:
        return pixels / np.float32(16)


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

    async def __call__(self, images: np.ndarray, features: bool) -> Classified:
        """Classify a batch of rows; with `features` for those who have a layer of their own to put on them."""
        found = self._device.predict(images)
        return Classified(
            digits=found.probabilities.argmax(axis=1).tolist(),
            confidences=[round(float(most), 4) for most in found.probabilities.max(axis=1)],
            model=self._served,
            features=found.features if features else None,
        )

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
            # Storage may be slow: other tenants are answered meanwhile.
            return (await asyncio.to_thread(registry.load, self._models, f"head-{tenant}")).arrays
        except registry.ModelError:
            return None

    async def __call__(self, classified: Classified, rows: list[int]) -> list[int] | str:
        """The tenant's digits of some rows of a batch, or why there are none."""
        tenant = serve.get_multiplexed_model_id()
        head = await self.head(tenant)
        if head is None:
            return f"there is no head of tenant {tenant!r}"
        assert classified.features is not None
        try:
            return classifier.head_digits(head, classified.features[rows])
        except ValueError as error:
            return f"the head of tenant {tenant!r} is of another model: {error}"


@serve.deployment()
@serve.ingress(api)
class Ingress:
    """The HTTP face. Answers 422 for what is no image, 404 for an unknown tenant, 503 when the stages are full.

    Requests that arrive together go through the stages together: a hop between processes costs more than the model,
    and is paid once for a batch. A batch is what has come while the ones before it were on their way.
    """

    def __init__(self, preprocess: DeploymentHandle, shared: DeploymentHandle, heads: DeploymentHandle) -> None:
        self._preprocess, self._shared, self._heads = preprocess, shared, heads

    @api.post("/predict")
    async def predict(self, request: Request) -> dict[str, Any]:
        try:
            answer = await self._classify(request)
            if isinstance(answer, BaseException):
                raise answer
        except BackPressureError as error:
            raise HTTPException(503, "too many requests are waiting", {"Retry-After": "1"}) from error
        if isinstance(answer, str):
            raise HTTPException(404, answer)
        return answer

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=0.001, max_concurrent_batches=BATCHES)
    async def _classify(self, requests: list[Request]) -> list[dict[str, Any] | str | BaseException]:
        """The answer to each request, or what its tenant is to be told; what befalls one tenant's head is its own."""
        pixels = np.asarray([request.pixels for request in requests], dtype=np.float32)
        tenants: dict[str, list[int]] = {}
        for row, request in enumerate(requests):
            if request.tenant:
                tenants.setdefault(request.tenant, []).append(row)
        # Responses are passed on without being awaited: a stage is called as soon as what it needs is there.
        classifying = self._shared.remote(self._preprocess.remote(pixels), bool(tenants))
        asked = {
            tenant: self._heads.options(multiplexed_model_id=tenant).remote(classifying, rows)
            for tenant, rows in tenants.items()
        }
        classified: Classified = await classifying
        answers = [
            {"digit": digit, "confidence": confidence, "model": classified.model}
            for digit, confidence in zip(classified.digits, classified.confidences, strict=True)
        ]
        told: list[dict[str, Any] | str | BaseException] = list(answers)
        outcomes = await asyncio.gather(*asked.values(), return_exceptions=True)
        for rows, found in zip(tenants.values(), outcomes, strict=True):
            for index, row in enumerate(rows):
                told[row] = {**answers[row], "tenant_digit": found[index]} if isinstance(found, list) else found
        return told

    @api.get("/version")
    async def version(self) -> dict[str, str]:
        return await self._shared.version.remote()

    @api.get("/healthz")
    async def healthz(self) -> str:
        return "ok"


def build(arguments: Arguments) -> serve.Application:
    """The application, as `import_path: workloads.serve.app:build` builds it on the cluster."""
    return Ingress.bind(Preprocess.bind(), Classifier.bind(arguments.models), TenantHead.bind(arguments.models))
