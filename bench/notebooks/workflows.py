# %% [markdown]
# # Elasticity, dynamic pricing and propensity, from an export and the engine
#
# Needs nothing but Python 3.9. First, with the platform running:
#
#     tidemark export --all --out export
#     python3 bench/notebooks/workflows.py --export export --url http://127.0.0.1:8080
#
# As a notebook: set TIDEMARK_EXPORT and TIDEMARK_URL (and TIDEMARK_KEY where the engine asks for a key) before it starts.

# %%
import argparse
import csv
import json
import math
import os
import urllib.error
import urllib.request
from collections import defaultdict
from datetime import datetime
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--export", default=os.environ.get("TIDEMARK_EXPORT", "export"))
parser.add_argument("--url", default=os.environ.get("TIDEMARK_URL", "http://127.0.0.1:8080"))
parser.add_argument("--key", default=os.environ.get("TIDEMARK_KEY"))
parser.add_argument("--courses", type=int, default=25, help="courses that prices are asked for")
options, _ = parser.parse_known_args()
folder = Path(options.export)


def table(name):
    """Rows of an exported table; numbers as numbers, what is missing as None."""
    def cell(text):
        if text == "":
            return None
        try:
            return float(text)
        except ValueError:
            return text
    with open(folder / f"{name}.csv", newline="", encoding="utf-8") as file:
        return [{key: cell(value) for key, value in row.items()} for row in csv.DictReader(file)]


def ask(method, path, body=None):
    headers = {"content-type": "application/json"}
    if options.key:
        headers["authorization"] = f"Bearer {options.key}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(options.url + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        raise SystemExit(f"{path}: {problem.get('code')}: {problem.get('detail')}") from None


def show(headings, rows):
    cells = [[f"{c:.2f}" if isinstance(c, float) else "–" if c is None else str(c) for c in row] for row in [headings, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    for row in cells:
        print("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))))


# %% [markdown]
# ## 1. Elasticity
#
# The usual way regresses the log of sales on the log of price over course-weeks. Where prices follow demand its slope is biased towards zero or above;
# the engine's elasticity comes from the random part of prices alone, with an interval that says what it does not know.

# %%
courses = {row["course_id"]: row for row in table("courses")}
week = lambda text: int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() // (7 * 86_400))
seen = defaultdict(lambda: [0, 0, 0.0])
for row in table("exposures"):
    counts = seen[row["course_id"], week(row["viewed_at"])]
    counts[0] += 1
    counts[2] += math.log(max(1, row["token_price"]))
for row in table("enrollments"):
    seen[row["course_id"], week(row["enrolled_at"])][1] += 1


def slope(points):
    """Least squares of y on x; None where x does not vary."""
    n = len(points)
    if n < 3:
        return None
    mean_x, mean_y = (sum(p[i] for p in points) / n for i in (0, 1))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return None if spread == 0 else sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


naive = defaultdict(list)
for (course_id, _), (exposures, sales, log_price) in seen.items():
    course = courses.get(course_id)
    if exposures > 0 and sales > 0 and course is not None:
        naive[course["category"]].append((log_price / exposures, math.log(sales / exposures)))
rows = []
for category in ask("GET", "/categories")["categories"]:
    elasticity = category["elasticity"]
    low, high = elasticity["ci95"]
    rows.append([category["category"], slope(naive[category["category"]]), elasticity["value"], f"{low:.2f} to {high:.2f}"])
show(["category", "naive slope", "elasticity", "95 %"], rows)
print("model in service:", ask("GET", "/health")["model"] or "none: until one is promoted, slopes come from priors and say so in their intervals")

# %% [markdown]
# ## 2. Dynamic pricing
#
# Three hand-made rules, weighted 0.4, 0.3, 0.3, against the engine's price for the same courses, both valued by the engine's own demand curve.


# %%
def rules(price, elasticity, average, days_since_launch, base):
    by_demand = price * (0.85 if abs(elasticity) > 1.5 else 0.95 if abs(elasticity) > 1 else 1.1)
    index = price / average if average else 1
    by_market = price * (0.95 if index > 1.2 else 1.05 if index < 0.8 else 1)
    by_age = base * (0.7 if days_since_launch < 30 else 1 if days_since_launch < 180 else 0.85)
    return max(1, round(0.4 * by_demand + 0.3 * by_market + 0.3 * by_age))


chosen = sorted((row for row in courses.values() if row["token_price"]), key=lambda row: -(row["total_enrollments"] or 0))[: options.courses]
priced = []
for course in chosen:
    answer = ask("POST", "/optimize_price", {"course_id": course["course_id"]})
    hand = rules(course["token_price"], answer["elasticity"]["value"], course["category_avg_price"], course["days_since_launch"], course["base_price"] or course["token_price"])
    prices = {"list": answer["current_price"], "rules": hand, "engine": answer["optimal_price"]}
    curve = ask("POST", "/predict_enrollments", {"course_id": course["course_id"], "price_points": sorted(set(prices.values()))})
    revenue = {point["price"]: point["revenue"] for point in curve["predictions"]}
    priced.append({"course_id": course["course_id"], **prices, **{f"{name}_revenue": revenue[price] for name, price in prices.items()}, "reasoning": answer["reasoning"]})
show(["course", "list", "rules", "engine", "revenue list", "rules", "engine"], [[row[key] for key in ("course_id", "list", "rules", "engine", "list_revenue", "rules_revenue", "engine_revenue")] for row in priced])
total = {name: sum(row[f"{name}_revenue"] for row in priced) for name in ("list", "rules", "engine")}
print(f"expected revenue of these courses: list {total['list']:.0f}, rules {total['rules']:.0f}, engine {total['engine']:.0f} tokens")
with open(folder / "optimized_pricing.csv", "w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, fieldnames=list(priced[0]))
    writer.writeheader()
    writer.writerows(priced)

# %% [markdown]
# ## 3. Propensity
#
# The scores of the export against those that the engine gives now, by segment; and how often a fixed discount by segment would have been given to learners
# who were going to buy anyway.

# %%
scored = table("propensity")
sample = scored[:500]
now = {one["learner_id"]: one for one in ask("POST", "/propensity_batch", {"learner_ids": [row["learner_id"] for row in sample]})["results"] if "scores" in one}
apart = [abs(now[row["learner_id"]]["scores"]["enrollment"]["score"] - row["enrollment_propensity"]) for row in sample if row["learner_id"] in now]
print(f"{len(apart)} of {len(sample)} learners scored; mean difference to the export {sum(apart) / max(1, len(apart)):.4f}")
segments = defaultdict(list)
for row in scored:
    segments[row["propensity_segment"]].append(row)
show(
    ["segment", "learners", "enrollment", "churn"],
    [[name, len(members), sum(m["enrollment_propensity"] for m in members) / len(members), sum(m["churn_risk_score"] for m in members) / len(members)] for name, members in sorted(segments.items())],
)
given = sum(1 for row in scored if row["enrollment_propensity"] > 0.5)
print(f"a fixed 5 to 10 % for everybody above 0.5 goes to {given} learners who are more likely to buy than not; GET /learner/{{id}}/propensity says who gains by one")
