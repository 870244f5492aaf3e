"""Trains the models beside this file with XGBoost 1.7 (Debian 12: apt-get install python3-xgboost) and notes what it predicts: make.py [FOLDER].

NAME.json is a model as XGBoost saves it. NAME.rows.json holds rows (null: missing) with XGBoost's margins and predictions of them: random ones, and for
each some that stand at a threshold of a node on their path, one float below and above it, and a double beside it that rounds to it.
"""
import json
import os
import sys

import numpy
import xgboost

FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
NAMES = [
    "log_price_vs_reference", "log_price_vs_category", "log_price_vs_competitor", "log_base_price", "log_conversion_30d", "log_conversion_90d",
    "log_category_conversion", "log_exposures_7d", "log_exposures_30d", "log_days_since_launch", "difficulty_level", "quality_tier", "rating",
]
PRICES = NAMES[:3]
TRAIN_ROWS = 1_500
RANDOM_ROWS = 16
STRANGE_CODES = [-1, -0.5, 0.5, 2.9, 7, 40, 1e8]
random = numpy.random.default_rng(20)


def draw(rows, names, missing):
    x = numpy.round(random.normal(size=(rows, len(names))), 3)
    for column, name in enumerate(names):
        if name in ("difficulty_level", "quality_tier"):
            x[:, column] = random.integers(0, 4, rows)
    x[random.random(x.shape) < missing] = numpy.nan
    return x


def rate(x, names):
    at = lambda name: numpy.nan_to_num(x[:, names.index(name)]) if name in names else 0
    return numpy.exp(-1 - 0.8 * at("log_price_vs_reference") + 0.5 * at("log_conversion_90d") * at("log_price_vs_category") + 0.3 * (at("difficulty_level") % 2))


def path(tree, x):
    """Nodes with a threshold that the row passes."""
    node, found = 0, []
    while tree["left_children"][node] != -1:
        value = numpy.float32(x[tree["split_indices"][node]])
        if tree["split_type"][node] == 1:
            at = tree["categories_nodes"].index(node)
            begin = tree["categories_segments"][at]
            left = value not in tree["categories"][begin:begin + tree["categories_sizes"][at]]
        else:
            found.append(node)
            left = value < numpy.float32(tree["split_conditions"][node])
        if numpy.isnan(value):
            left = tree["default_left"][node] == 1
        node = tree["left_children" if left else "right_children"][node]
    return found


def at_thresholds(model, rows):
    found = []
    for i, x in enumerate(rows):
        tree = model["learner"]["gradient_booster"]["model"]["trees"][i % len(model["learner"]["gradient_booster"]["model"]["trees"])]
        nodes = path(tree, x)
        if not nodes:
            continue
        node = nodes[random.integers(len(nodes))]
        threshold = numpy.float32(tree["split_conditions"][node])
        below, above = numpy.nextafter(threshold, numpy.float32(-numpy.inf)), numpy.nextafter(threshold, numpy.float32(numpy.inf))
        beside = float(threshold) - (float(threshold) - float(below)) / 4
        for value in (float(threshold), float(below), float(above), beside):
            row = x.copy()
            row[tree["split_indices"][node]] = value
            found.append(row)
    return found


def listed(values):
    return [None if numpy.isnan(value) else float(value) for value in values]


def save(name, booster):
    path = os.path.join(FOLDER, f"{name}.json")
    booster.save_model(path)
    with open(path) as file:
        return json.load(file)


def make(name, objective, names=NAMES, missing=0.1, rounds=6, types=None, label=lambda counts, rates: counts, margin=False, stop=None, **parameters):
    x = draw(TRAIN_ROWS, names, missing)
    exposure = random.integers(1, 20, TRAIN_ROWS)
    rates = rate(x, names)
    counts = random.poisson(exposure * rates) if margin else random.poisson(rates)
    columns = {"feature_names": names, "feature_types": types, "enable_categorical": types is not None}
    data = xgboost.DMatrix(x, label(counts, rates), **columns, **({"base_margin": numpy.log(exposure)} if margin else {}))
    if stop is not None:
        later = xgboost.DMatrix(draw(200, names, missing), random.poisson(numpy.full(200, counts.mean())), **columns)
    settings = {"objective": objective, "tree_method": "hist", "seed": 1, "nthread": 1, **parameters}
    booster = xgboost.train(settings, data, rounds, **({} if stop is None else {"evals": [(later, "later")], "early_stopping_rounds": stop, "verbose_eval": False}))
    model = save(name, booster)
    rows = draw(RANDOM_ROWS, names, missing)
    rows = numpy.array([*rows, *at_thresholds(model, rows)])
    if types is not None:
        # Codes that no row of the training had, or that are none.
        strange = numpy.repeat(rows[:4], len(STRANGE_CODES), axis=0)
        strange[:, types.index("c")] = STRANGE_CODES * 4
        rows = numpy.array([*rows, *strange])
    test = xgboost.DMatrix(rows, **columns)
    used = {"iteration_range": (0, booster.best_iteration + 1)} if stop is not None else {}
    noted = {
        "names": names,
        "rows": [listed(row) for row in rows],
        "margin": [float(value) for value in booster.predict(test, output_margin=True, **used)],
        "prediction": [float(value) for value in booster.predict(test, **used)],
    }
    if stop is not None:
        noted["margin_all"] = [float(value) for value in booster.predict(test, output_margin=True)]
    with open(os.path.join(FOLDER, f"{name}.rows.json"), "w") as file:
        json.dump(noted, file, separators=(",", ":"))


SHUFFLED = [NAMES[i] for i in random.permutation(len(NAMES))]
FEW = ["log_conversion_90d", "difficulty_level", "log_price_vs_category", "log_price_vs_reference"]
binary = lambda counts, rates: counts > 0
monotone = {"monotone_constraints": {name: -1 for name in PRICES}}

make("poisson", "count:poisson", SHUFFLED, rounds=5, max_depth=6)
make("poisson_margin", "count:poisson", NAMES, missing=0, rounds=20, max_depth=3, margin=True, base_score=1, **monotone)
make("poisson_rising", "count:poisson", FEW, missing=0, rounds=8, max_depth=3, label=lambda counts, rates: random.poisson(1 / rates))
make("poisson_stopped", "count:poisson", FEW, rounds=40, max_depth=4, stop=4)
make("poisson_pruned", "count:poisson", FEW, rounds=4, max_depth=5, tree_method="exact", gamma=3)
make("poisson_forest", "count:poisson", FEW, rounds=3, max_depth=3, num_parallel_tree=4, subsample=0.5)
make("gamma", "reg:gamma", SHUFFLED[:7], rounds=6, max_depth=2, base_score=0.3, label=lambda counts, rates: rates + 0.1)
make("tweedie", "reg:tweedie", FEW, rounds=6, max_depth=4, tweedie_variance_power=1.4)
make("logistic", "binary:logistic", SHUFFLED, rounds=6, max_depth=4, base_score=0.2, label=binary)
make("logitraw", "binary:logitraw", FEW, rounds=6, max_depth=3, label=binary)
make("categorical", "count:poisson", FEW, rounds=6, max_depth=3, types=["q", "c", "q", "q"], max_cat_to_onehot=1)
make("one_hot", "reg:logistic", FEW, rounds=6, max_depth=3, types=["q", "c", "q", "q"], max_cat_to_onehot=9, label=binary)

# What is refused.
x = draw(200, FEW, 0)
y = random.poisson(rate(x, FEW))
data = xgboost.DMatrix(x, y, feature_names=FEW)
small = {"max_depth": 2, "nthread": 1}
for objective in ("reg:squarederror", "reg:squaredlogerror", "reg:pseudohubererror", "rank:pairwise", "survival:cox", "binary:hinge"):
    data.set_label(y > 0 if objective.startswith("binary") else y + 1)
    save(f"refused_{objective.split(':')[1]}", xgboost.train({"objective": objective, **small}, data, 1))
data.set_label(y)
save("refused_dart", xgboost.train({"objective": "count:poisson", "booster": "dart", **small}, data, 1))
save("refused_gblinear", xgboost.train({"objective": "count:poisson", "booster": "gblinear"}, data, 1))
save("refused_unnamed", xgboost.train({"objective": "count:poisson", **small}, xgboost.DMatrix(x, y), 1))
save("refused_names", xgboost.train({"objective": "count:poisson", **small}, xgboost.DMatrix(x, y, feature_names=["price", *FEW[1:]]), 1))
save("refused_classes", xgboost.train({"objective": "multi:softprob", "num_class": 3, **small}, xgboost.DMatrix(x, numpy.minimum(y, 2), feature_names=FEW), 1))
save("refused_targets", xgboost.train({"objective": "reg:squarederror", **small}, xgboost.DMatrix(x, numpy.column_stack([y, y]), feature_names=FEW), 1))
xgboost.train({"objective": "count:poisson", **small}, data, 1).save_model(os.path.join(FOLDER, "refused_binary.ubj"))
