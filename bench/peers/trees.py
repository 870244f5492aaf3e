"""Fits a peer's trees to a binned matrix and times it: trees.py boosting|forest FOLDER.

FOLDER holds settings.json, x.bin (float32, rows x columns: the bins' numbers), y.bin (float64); predictions of the test rows go to
predictions.bin (float64), XGBoost's model to model.json, seconds and version to standard output as JSON.
"""
import json
import sys
import time

import numpy

kind, folder = sys.argv[1:]
with open(f"{folder}/settings.json") as file:
    s = json.load(file)
x = numpy.fromfile(f"{folder}/x.bin", dtype=numpy.float32).reshape(-1, s["columns"])
y = numpy.fromfile(f"{folder}/y.bin", dtype=numpy.float64)
train = s["train_rows"]

if kind == "boosting":
    import xgboost

    names = [f"column_{column}" for column in range(s["columns"])]
    data = xgboost.QuantileDMatrix(x[:train], y[:train], max_bin=256, nthread=s["threads"], feature_names=names)
    parameters = {
        "objective": "count:poisson", "tree_method": "hist", "max_bin": 256, "max_depth": s["depth"], "eta": s["learning_rate"],
        "lambda": s["lambda"], "min_child_weight": s["leaf_hessian_min"], "max_delta_step": s["step_max"], "nthread": s["threads"],
    }
    started = time.perf_counter()
    model = xgboost.train(parameters, data, s["trees"])
    seconds = time.perf_counter() - started
    predicted = model.predict(xgboost.DMatrix(x[train:], feature_names=names))
    model.save_model(f"{folder}/model.json")
    version = xgboost.__version__
else:
    import sklearn
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor(s["trees"], min_samples_leaf=s["leaf_rows_min"], max_features=s["columns_per_split"], n_jobs=s["threads"], random_state=1)
    started = time.perf_counter()
    model.fit(x[:train], y[:train])
    seconds = time.perf_counter() - started
    predicted = model.predict(x[train:])
    version = sklearn.__version__

numpy.asarray(predicted, dtype=numpy.float64).tofile(f"{folder}/predictions.bin")
print(json.dumps({"seconds": seconds, "version": version}))
