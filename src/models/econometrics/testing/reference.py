"""Adds to reference.json what statsmodels and the definition say of Hansen's J. Debian: python3-statsmodels. Run after reference.R, which makes the data."""
import json
import pathlib

import numpy
import scipy.stats
import statsmodels
import statsmodels.api
from statsmodels.sandbox.regression.gmm import LinearIVGMM

path = pathlib.Path(__file__).with_name("reference.json")
reference = json.loads(path.read_text())
d = {name: numpy.asarray(values, dtype=float) for name, values in reference["data"].items()}
n = len(d["price"])
x = numpy.column_stack([d["price"], d["x1"], d["x2"], numpy.ones(n)])
z = numpy.column_stack([d["z1"], d["z2"], d["z3"], d["x1"], d["x2"], numpy.ones(n)])
y = d["quantity"]


def two_step_j(meat):
    """Two-step GMM with all moments, controls' among them: weights from the residuals of two-stage least squares."""
    fitted = z @ numpy.linalg.lstsq(z, x, rcond=None)[0]
    u = y - x @ numpy.linalg.lstsq(fitted, y, rcond=None)[0]
    w = numpy.linalg.inv(meat(z * u[:, None]))
    a = x.T @ z @ w
    beta = numpy.linalg.solve(a @ z.T @ x, a @ z.T @ y)
    g = z.T @ (y - x @ beta)
    return g @ w @ g


def by_course(scores):
    sums = numpy.zeros((int(d["course"].max()), scores.shape[1]))
    numpy.add.at(sums, d["course"].astype(int) - 1, scores)
    return sums.T @ sums


robust = two_step_j(lambda s: s.T @ s)
clustered = two_step_j(by_course)
fitted = LinearIVGMM(y, x, z).fit(maxiter=2, inv_weights=z.T @ z / n, optim_method="cg", wargs={"centered": False}, weights_method="cov")
assert abs(fitted.jtest()[0] - robust) < 1e-6 * robust, (fitted.jtest(), robust)
reference["hansen"] = {"robust": robust, "course": clustered, "p_course": float(scipy.stats.chi2.sf(clustered, 2))}

groups = d["course"].astype(int)
ols = statsmodels.api.OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": groups})
poisson = statsmodels.api.GLM(d["count"], x, family=statsmodels.api.families.Poisson(), offset=numpy.log(d["exposure"])).fit(tol=1e-14, maxiter=200, cov_type="cluster", cov_kwds={"groups": groups})
for mine, theirs in [(ols.cov_params(), "ols"), (poisson.cov_params(), "poisson")]:
    assert numpy.allclose(mine, reference[theirs]["course"]["covariance"], rtol=1e-6, atol=0), theirs
reference["statsmodels"] = statsmodels.__version__
path.write_text(json.dumps(reference, separators=(",", ":")) + "\n")
