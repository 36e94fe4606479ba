"""Trust measures against dense systems, loops over pixels and whole runs of the model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from support.models import tiny_model
from torch import Tensor

from swinviz import attribution
from swinviz.attribution import TrustOptions, TrustTable, linear_imputation, trust, trust_curves
from swinviz.model.hooks import capture

SIZE = (45, 62)


def dense_imputation(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Rong et al.'s system written down pixel by pixel and solved whole."""
    height, width = known.shape
    matrix, right = np.zeros((height * width, height * width)), np.zeros((height * width, len(image)))
    for y in range(height):
        for x in range(width):
            row = y * width + x
            if known[y, x]:
                matrix[row, row], right[row] = 1.0, image[:, y, x]
                continue
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    if (dy or dx) and 0 <= y + dy < height and 0 <= x + dx < width:
                        weight = 1 / 6 if dy == 0 or dx == 0 else 1 / 12
                        matrix[row, row] += weight
                        matrix[row, row + dy * width + dx] -= weight
    return np.linalg.solve(matrix, right).T.reshape(image.shape)


@pytest.mark.parametrize("share", [0.1, 0.6, 0.97])
def test_imputation_solves_the_linear_system_of_all_removed_pixels(
    share: float, rng: np.random.Generator
) -> None:
    images = rng.normal(size=(2, 3, 19, 26))
    known = rng.random((2, 19, 26)) >= share
    known[1, 0:8, 0:8] = False  # a hole in the corner
    known[:, 18, 25] = True
    filled = linear_imputation(torch.tensor(images), torch.tensor(known), tolerance=1e-10).numpy()
    for number in range(2):
        np.testing.assert_allclose(filled[number], dense_imputation(images[number], known[number]), atol=1e-6)
        assert (filled[number][:, known[number]] == images[number][:, known[number]]).all()


def test_a_ramp_is_imputed_exactly_inside_whatever_was_there() -> None:
    """Closed form: a linear picture is its own neighbors' mean away from the border."""
    ramp = (2.0 * torch.arange(30.0)[:, None] - torch.arange(40.0)).expand(1, 3, 30, 40).clone().double()
    known = torch.ones(1, 30, 40, dtype=torch.bool)
    known[0, 5:25, 4:33] = False
    broken = torch.where(known[:, None], ramp, torch.full_like(ramp, 1e4))
    torch.testing.assert_close(linear_imputation(broken, known, tolerance=1e-9), ramp, atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="removes every pixel"):
        linear_imputation(ramp, torch.zeros_like(known))
    with pytest.raises(ValueError, match="one each"):
        linear_imputation(ramp, known[:, 1:])


def test_cells_are_ordered_by_their_mean_and_ties_are_broken_by_chance(rng: np.random.Generator) -> None:
    values = rng.integers(0, 3, SIZE).astype(float)
    means = {
        row * 4 + column: values[16 * row : 16 * row + 16, 16 * column : 16 * column + 16].mean()
        for row in range(3)
        for column in range(4)
    }
    order = attribution.cell_order(torch.tensor(values), SIZE, 16, torch.Generator()).tolist()
    assert order == sorted(means, key=lambda cell: -means[cell])
    flat = [
        attribution.cell_order(torch.zeros(SIZE), SIZE, 16, torch.Generator().manual_seed(seed)).tolist()
        for seed in range(200)
    ]
    first = np.bincount([order[0] for order in flat], minlength=12)
    assert first.min() > 3, first  # each of 12 cells is first in about 17 of 200
    with pytest.raises(ValueError, match="one size"):
        attribution.cell_order(torch.zeros(3, 3), SIZE, 16, torch.Generator())
    with pytest.raises(ValueError, match="not finite"):
        attribution.cell_order(torch.full(SIZE, float("nan")), SIZE, 16, torch.Generator())


def test_each_point_of_a_curve_is_a_whole_run_on_the_picture_so_changed(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "_NOISE", 0.0)
    monkeypatch.setattr(trust, "_TOLERANCE", 1e-5)
    model = tiny_model(7)
    images = torch.randn(2, 3, *SIZE)
    mask = np.zeros(SIZE, dtype=bool)
    mask[30:45, 10:23] = True
    values = torch.tensor(rng.normal(size=SIZE))
    options = TrustOptions(cell=8, steps=5, random_orders=2, at_once=3)
    found = trust_curves(model, images, mask, {"mine": values}, options=options, batch=1)

    def probability(image: Tensor) -> float:
        with torch.no_grad():
            mean = model(image)[0][:, torch.from_numpy(mask)].mean(dim=1)
        return float(mean.double().softmax(dim=0)[found.class_index])

    image = images[1:]
    assert found.probability == pytest.approx(probability(image), abs=1e-6)
    with torch.no_grad():
        assert found.class_index == int(model(image)[0][:, torch.from_numpy(mask)].mean(dim=1).argmax())
    order = attribution.cell_order(values, SIZE, 8, torch.Generator()).tolist()
    rows, columns = np.indices(SIZE)
    cells = torch.from_numpy(rows // 8 * 8 + columns // 8)  # 6 x 8 cells
    assert found.fractions.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    for number, fraction in enumerate((0, 0.2, 0.4, 0.6, 0.8)):
        count = round(fraction * 48)
        first = torch.isin(cells, torch.tensor(order[:count]))
        deleted = image.masked_fill(first, 0.0)
        assert float(found.curves["mine"]["deletion"][number]) == pytest.approx(
            probability(deleted), abs=1e-5
        )
        if fraction not in (0.4, 0.8):
            continue
        for measure, removed in (
            ("road most", first),
            ("road least", torch.isin(cells, torch.tensor(order[len(order) - count :]))),
        ):
            dense = dense_imputation(image[0].double().numpy(), ~removed.numpy())
            expected = probability(torch.tensor(dense)[None].float())
            assert float(found.curves["mine"][measure][number]) == pytest.approx(expected, abs=2e-3)
    insertion = found.curves["mine"]["insertion"]
    assert float(insertion[0]) == pytest.approx(probability(gaussian(image, 8.0)), abs=1e-5)
    shown = torch.where(torch.isin(cells, torch.tensor(order[:29])), image, gaussian(image, 8.0))
    assert float(insertion[3]) == pytest.approx(probability(shown), abs=1e-5)
    assert found.random["deletion"].shape == (2, 5)
    assert not torch.equal(found.random["deletion"][0], found.random["deletion"][1])


def gaussian(image: Tensor, sigma: float) -> Tensor:
    """Blur by OpenCV, borders repeated."""
    import cv2

    side = 2 * int(3 * sigma) + 1
    planes = [
        cv2.GaussianBlur(plane.numpy(), (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
        for plane in image[0]
    ]
    return torch.from_numpy(np.stack(planes))[None]


class LinearScore:
    """A model whose probability is the sigmoid of a weighted sum of pixels, in the real one's place."""

    weights = torch.zeros(3, *SIZE, dtype=torch.float64)
    at_once = 5

    def __init__(self, model: object, image: Tensor, place: object, class_index: int | None) -> None:
        self.class_index = 0

    def __call__(self, batches: Iterator[Tensor]) -> Tensor:
        return torch.cat(
            [(images.double() * self.weights).sum(dim=(1, 2, 3)).sigmoid() for images in batches]
        )


def test_of_a_linear_model_the_curves_are_closed_forms_and_its_own_terms_the_best_order(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    weights, picture = rng.normal(size=(2, 3, *SIZE)) * 0.05
    monkeypatch.setattr(LinearScore, "weights", torch.tensor(weights))
    monkeypatch.setattr(trust, "_Probability", LinearScore)
    monkeypatch.setattr(trust, "_NOISE", 0.0)
    terms = (weights * picture).sum(axis=0)
    height, width = -(-SIZE[0] // 8) * 8, -(-SIZE[1] // 8) * 8
    padded = np.zeros((height, width))
    padded[: SIZE[0], : SIZE[1]] = terms
    sums = padded.reshape(height // 8, 8, width // 8, 8).sum(axis=(1, 3))
    # Spread, because cells at the border are smaller and are ordered by means.
    spread = np.kron(sums, np.ones((8, 8)))[: SIZE[0], : SIZE[1]]
    options = TrustOptions(cell=8, steps=4, random_orders=5)
    image = torch.tensor(picture)[None]
    found = trust_curves(tiny_model(), image, (0, 0), {"terms": torch.tensor(spread)}, options=options)
    ordered = np.sort(sums.flatten())[::-1]
    counts = np.round(found.fractions.numpy() * len(ordered)).astype(int)
    expected = 1 / (1 + np.exp(-np.array([ordered[count:].sum() for count in counts])))
    np.testing.assert_allclose(found.curves["terms"]["deletion"], expected, atol=1e-9)
    assert (found.random["deletion"][:, 1:] > found.curves["terms"]["deletion"][1:]).all()
    assert found.scores()["random"]["deletion"] > found.scores()["terms"]["deletion"]

    # A ramp is its own neighbors' mean: imputing cells inside takes nothing away from it.
    ramp = torch.arange(SIZE[0])[:, None] * 0.01 + torch.arange(SIZE[1]) * 0.02
    ramp = ramp.expand(1, 3, *SIZE).double()
    inside = torch.zeros(SIZE)
    inside[8:40, 8:48] = 1 + torch.rand(32, 40)
    flat = trust_curves(tiny_model(), ramp, (0, 0), {"inside": inside}, options=options)
    probability = float((ramp * torch.tensor(weights)).sum().sigmoid())
    kept = flat.curves["inside"]["road most"][:2]  # a quarter of the 48 cells: 12 of the 20 inside
    np.testing.assert_allclose(kept, probability, atol=0.02)
    assert abs(float(flat.curves["inside"]["deletion"][1]) - probability) > 0.05


def test_all_explanations_are_what_their_own_functions_give_over_the_pixels() -> None:
    model = tiny_model(7)
    images = torch.randn(2, 3, *SIZE)
    maps = attribution.explanations(model, images, (40, 61), 1, batch=1, block=(1, 1))
    assert all(values.shape == SIZE for values in maps.values())
    with capture(model, "stages.*.attn.pattern") as seen, torch.no_grad():
        model(images)
    name = "stages.1.blocks.1.attn.pattern"
    geometry = seen.geometries[name]
    window, query = geometry.locate(40, 61)
    row = seen[name][1, window, :, query].mean(dim=0)
    for y, x in ((40, 61), (44, 50), (0, 0), (20, 61)):
        where, key = geometry.locate(y, x)
        expected = float(row[key]) if where == window else 0.0
        assert float(maps["attention"][y, x]) == pytest.approx(expected, abs=1e-6)
    cam = attribution.class_activation(model, images, (40, 61), 1, batch=1, method="layer-cam")
    assert maps["layer-cam"].argmax() in torch.arange(SIZE[0] * SIZE[1])
    assert float(maps["layer-cam"].max()) <= float(cam.map.max()) + 1e-6
    assert float(maps["distance"][40, 61]) == 0.0
    assert float(maps["distance"][37, 57]) == pytest.approx(-5.0)
    with pytest.raises(ValueError, match="block \\(9, 0\\)"):
        attribution.explanations(model, images, (0, 0), block=(9, 0))


def test_a_table_sums_up_places_and_counts_pictures_in_its_error() -> None:
    def place(a: float, chance: float) -> dict[str, dict[str, float]]:
        return {
            "a": {"deletion": a, "insertion": 1 - a, "road": a - 0.5},
            "random": {"deletion": chance, "insertion": 0.5, "road": 0.0},
        }

    scores = (place(0.2, 0.5), place(0.4, 0.5), place(0.6, 0.5), place(0.1, 0.3))
    table = TrustTable(scores, (0, 0, 1, 1), (0.9, 0.9, 0.8, 0.8))
    rows = {(row.explanation, row.measure): row for row in table.rows()}
    row = rows["a", "deletion"]
    assert row.mean == pytest.approx(0.325)
    assert row.spread == pytest.approx(np.std([0.2, 0.4, 0.6, 0.1], ddof=1))
    assert row.advantage == pytest.approx((0.3 + 0.1 - 0.1 + 0.2) / 4)
    assert row.error == pytest.approx(np.std([0.2, 0.05], ddof=1) / 2**0.5)
    assert row.wins == 0.75
    assert rows["random", "deletion"].advantage == 0.0
    assert rows["a", "road"].wins == 0.25
    assert [row.explanation for row in table.rows() if row.measure == "road"] == ["random", "a"]


def test_the_table_of_pictures_has_places_of_each_and_refuses_none() -> None:
    model = tiny_model(4)
    options = TrustOptions(cell=32, steps=2, random_orders=1)
    pictures = [torch.randn(1, 3, 40, 40), torch.randn(1, 3, 33, 50)]
    table = attribution.trust_table(model, pictures, places=1, options=options, progress=True)
    assert table.pictures == (0, 1)
    assert set(table.scores[0]) == {*attribution.explanations(model, pictures[0], (0, 0)), "random"}
    again = attribution.trust_table(model, pictures, places=1, options=options)
    assert again.scores == table.scores
    with pytest.raises(ValueError, match="no picture"):
        attribution.trust_table(model, [])
    with pytest.raises(ValueError, match="at least 1"):
        TrustOptions(cell=0)


def test_layer_cam_and_the_eigen_cams_follow_their_papers() -> None:
    model = tiny_model(7)
    images, layer = torch.randn(2, 3, *SIZE), "stages.1.out"
    with capture(model, layer, detach=False) as seen:
        logit = model(images)[1, 2, 30, 40]
    gradient = torch.autograd.grad(logit, seen[layer])[0][1].double().numpy()
    activation = seen[layer][1].detach().double().numpy()

    def cam(method: str) -> np.ndarray:
        found = attribution.class_activation(
            model,
            images,
            (30, 40),
            2,
            layer=layer,
            method=method,
            batch=1,  # type: ignore[arg-type]
        )
        assert found.signed == (method != "layer-cam")
        return found.map.numpy()

    layered = np.zeros(activation.shape[1:])
    for channel in range(len(activation)):
        layered += np.maximum(gradient[channel], 0) * activation[channel]
    np.testing.assert_allclose(cam("layer-cam"), np.maximum(layered, 0), atol=1e-5)
    for method, values in (("eigen-cam", activation), ("seg-eigen-cam", activation * np.abs(gradient))):
        places = values.reshape(len(values), -1).T
        covariance = np.cov(places, rowvar=False)
        axis = np.linalg.eigh(covariance)[1][:, -1]
        projected = ((places - places.mean(axis=0)) @ axis).reshape(values.shape[1:])
        if projected.max() < -projected.min():
            projected = -projected
        scale = np.abs(projected).max()
        np.testing.assert_allclose(cam(method) / scale, projected / scale, atol=1e-3)
