"""The stack of the description that the engine grew from: FastAPI, uvicorn and a scikit-learn gradient boosting model that is asked at ten price points a call."""

import asyncio
import random

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sklearn.ensemble import GradientBoostingRegressor

COURSES = 2_000
FEATURES = 12
POINTS = np.array([0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3])

generator = np.random.default_rng(7)
rows = generator.normal(size=(5_000, FEATURES))
rows[:, 0] = generator.uniform(3.0, 6.0, size=5_000)
sales = np.exp(4.0 - 1.2 * rows[:, 0] / 3.0 + 0.2 * rows[:, 1] + 0.1 * generator.normal(size=5_000))
model = GradientBoostingRegressor(n_estimators=100, max_depth=5, random_state=7).fit(rows, sales)

courses = {f"C{i:05d}": generator.normal(size=FEATURES) for i in range(COURSES)}
prices = {course_id: float(random.Random(course_id).randint(30, 300)) for course_id in courses}

app = FastAPI()


class Request(BaseModel):
    course_id: str


@app.post("/optimize_price")
async def optimize_price(request: Request):
    features = courses.get(request.course_id)
    if features is None:
        raise HTTPException(status_code=404, detail="unknown course")
    current = prices[request.course_id]
    at = POINTS * current
    inputs = np.tile(features, (len(at), 1))
    inputs[:, 0] = np.log(at)
    enrollments = model.predict(inputs)
    revenue = at * enrollments
    best = int(np.argmax(revenue))
    now = float(current * enrollments[5])
    return {
        "course_id": request.course_id,
        "current_price": current,
        "optimal_price": round(float(at[best])),
        "expected": {"current_revenue": now, "optimized_revenue": float(revenue[best]), "increase_pct": float((revenue[best] / now - 1) * 100), "optimized_enrollments": float(enrollments[best])},
        "recommendation": {"action": "increase" if best > 5 else "decrease" if best < 5 else "hold", "confidence": 0.8},
        "predictions": [{"price": float(price), "enrollments": float(count)} for price, count in zip(at, enrollments)],
    }


async def main():
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", access_log=False))
    task = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await task


try:
    import uvloop

    uvloop.install()
except ImportError:
    pass
asyncio.run(main())
