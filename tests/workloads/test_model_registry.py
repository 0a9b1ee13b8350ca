"""The registry of models: what counts as a version, and what may be promoted."""

from pathlib import Path

import numpy as np
import pytest

from workloads import registry
from workloads.registry import ModelError
from workloads.storage import Storage, open_storage

ARRAYS = {"w": np.arange(6.0).reshape(2, 3)}


@pytest.fixture
def models(tmp_path: Path) -> Storage:
    return open_storage(str(tmp_path))


def test_what_is_registered_is_read_back_by_its_version(models: Storage) -> None:
    version = registry.register(models, "digits", ARRAYS, {"accuracy": 0.97})
    model = registry.load(models, f"digits@{version}")
    np.testing.assert_array_equal(model.arrays["w"], ARRAYS["w"])
    assert (model.metrics, model.reference) == ({"accuracy": 0.97}, f"digits@{version}")


def test_nothing_is_in_production_before_it_is_promoted(models: Storage) -> None:
    version = registry.register(models, "digits", ARRAYS, {})
    with pytest.raises(ModelError, match="no model 'digits'"):
        registry.load(models, "digits")
    registry.promote(models, "digits", version)
    assert registry.load(models, "digits").version == version
    assert registry.load(models, "digits@production").version == version


def test_a_newer_version_takes_over_when_it_is_promoted_and_can_be_taken_back(models: Storage) -> None:
    first, second = (registry.register(models, "digits", ARRAYS, {}) for _ in range(2))
    assert registry.versions(models, "digits") == [first, second]
    for version in (first, second, first):
        registry.promote(models, "digits", version)
        assert registry.load(models, "digits").version == version


@pytest.mark.parametrize("metrics", [{"accuracy": 0.89}, {}, {"accuracy": float("nan")}])
def test_a_model_below_the_threshold_is_not_promoted(models: Storage, metrics: dict[str, float]) -> None:
    good = registry.register(models, "digits", ARRAYS, {"accuracy": 0.95})
    registry.promote(models, "digits", good, least={"accuracy": 0.9})
    bad = registry.register(models, "digits", ARRAYS, metrics)
    with pytest.raises(ModelError, match=r"is not promoted: accuracy is .*, 0\.9 is the least"):
        registry.promote(models, "digits", bad, least={"accuracy": 0.9})
    assert registry.load(models, "digits").version == good


def test_half_an_upload_is_no_version(models: Storage, tmp_path: Path) -> None:
    version = registry.register(models, "digits", ARRAYS, {})
    (tmp_path / "digits" / "versions" / version / registry.CARD).unlink()
    with pytest.raises(ModelError, match="no model"):
        registry.promote(models, "digits", version)


def test_arrays_that_are_not_those_of_the_card_are_refused(models: Storage, tmp_path: Path) -> None:
    version = registry.register(models, "digits", ARRAYS, {})
    path = tmp_path / "digits" / "versions" / version / registry.ARRAYS
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ModelError, match="do not match its card"):
        registry.load(models, f"digits@{version}")


@pytest.mark.parametrize("name", ["Digits", "../up", "", "a/b"])
def test_a_name_that_would_leave_its_folder_is_refused(models: Storage, name: str) -> None:
    with pytest.raises(ModelError, match="cannot name a model"):
        registry.register(models, name, ARRAYS, {})
