"""The arithmetic of the service and its command line, without a cluster."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from workloads import digits, registry
from workloads.serve import classifier
from workloads.serve.__main__ import main
from workloads.storage import open_storage
from workloads.train import checkpoint
from workloads.train.loop import Classifier


def test_the_baseline_tells_digits_apart_without_training() -> None:
    arrays, accuracy = classifier.baseline()
    assert accuracy > 0.85
    assert classifier.predict(arrays, digits.load().images[:4]).probabilities.sum() == pytest.approx(4)


def test_a_trained_classifier_says_the_same_in_numpy_as_in_pytorch() -> None:
    torch.manual_seed(0)
    trained = Classifier(hidden=48)
    images = digits.load().images[:50]
    arrays = classifier.from_checkpoint({"model": trained.state_dict()})
    expected = trained(torch.from_numpy(images)).softmax(dim=-1).detach().numpy()
    np.testing.assert_allclose(classifier.predict(arrays, images).probabilities, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"w1": np.zeros((32, 64))}, r"w1 is \(32, 64\), the data needs \(64, 64\)"),
        ({"w2": np.zeros((64, 9))}, r"w2 is \(64, 9\)"),
        ({"b1": np.zeros((64, 1))}, "the data needs"),
        ({"extra": np.zeros(1)}, "a classifier has"),
    ],
)
def test_a_model_of_another_shape_than_the_data_is_refused(change: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        classifier.check(classifier.baseline()[0] | change)


def test_a_tenants_head_is_fitted_on_the_shared_features() -> None:
    arrays, shared = classifier.baseline()
    train, held_out = digits.split()
    head = classifier.fit_head(arrays, train)
    features = classifier.predict(arrays, held_out.images).features
    told = classifier.head_digits(head, features)
    assert np.mean(np.array(told) == held_out.labels) > shared


def test_a_head_of_another_classifier_is_refused() -> None:
    head = classifier.fit_head(classifier.baseline()[0], digits.split()[0])
    with pytest.raises(ValueError, match="takes 64 features, the classifier gives 48"):
        classifier.head_digits(head, np.zeros((1, 48)))


def test_publishing_promotes_a_classifier_and_a_head_for_each_tenant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", "--models", str(tmp_path), "--tenants", "acme,globex"]) == 0
    assert json.loads(capsys.readouterr().out).keys() == {"digits", "head-acme", "head-globex"}
    models = open_storage(str(tmp_path))
    assert registry.load(models, "digits").metrics["accuracy"] > 0.85
    assert registry.load(models, "head-acme").arrays["weight"].shape == (64, 10)


def test_a_training_checkpoint_is_published(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "one" / checkpoint.new_name(0)
    folder.mkdir(parents=True)
    checkpoint.write(folder, {"model": Classifier(8).state_dict()}, epoch=0, metrics={})
    models = str(tmp_path / "models")
    assert main(["publish", "--models", models, "--checkpoint", str(folder), "--least-accuracy", "0"]) == 0
    assert registry.load(open_storage(models), "digits").arrays["b1"].shape == (8,)


def test_a_model_that_learnt_nothing_is_not_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "runs" / "one" / checkpoint.new_name(0)
    folder.mkdir(parents=True)
    checkpoint.write(folder, {"model": Classifier(8).state_dict()}, epoch=0, metrics={})
    models = str(tmp_path / "models")
    assert main(["publish", "--models", models, "--checkpoint", str(folder)]) == 1
    assert "is not promoted" in capsys.readouterr().err
    with pytest.raises(registry.ModelError):
        registry.load(open_storage(models), "digits")


def test_a_checkpoint_that_is_broken_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", "--models", str(tmp_path), "--checkpoint", f"{tmp_path}/run/epoch-00001-x"]) == 1
    assert "epoch-00001-x cannot be used: seal.json is missing" in capsys.readouterr().err
