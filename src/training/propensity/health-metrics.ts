import { Gauge, Registry } from "prom-client";
import type { DimensionHealth, PropensityHealth } from "../../contracts/propensity-health.ts";

/** The health of the propensity champion, for Prometheus: as of the last check, and nothing before the first. */
export class HealthMetrics {
  readonly registry = new Registry();
  readonly #auc = this.#gauge("tidemark_propensity_live_auc", "Area under the curve of the champion's scores on labels that matured since it was fitted", ["dimension"]);
  readonly #ece = this.#gauge("tidemark_propensity_live_calibration_error", "Expected calibration error on those labels", ["dimension"]);
  readonly #slope = this.#gauge("tidemark_propensity_live_calibration_slope", "Calibration slope on those labels; 1 = calibrated", ["dimension"]);
  readonly #rows = this.#gauge("tidemark_propensity_live_rows", "Learners at cut-offs whose labels matured since the champion was fitted", ["dimension"]);
  readonly #scores = this.#gauge("tidemark_propensity_score_stability", "Population stability index of the scores against those that the champion was fitted on", ["dimension"]);
  readonly #inputs = this.#gauge("tidemark_propensity_input_stability", "Population stability index of an input against what the champion was fitted on", ["input"]);
  readonly #breaches = this.#gauge("tidemark_propensity_breaches", "Figures of the champion that are beyond their limits", []);
  readonly #checked = this.#gauge("tidemark_propensity_checked_seconds", "When the champion was last checked, in seconds since 1970", []);

  /** Takes the place of what was known before: a figure that cannot be taken any more is left out. */
  update({ time, dimensions, inputs, breaches }: PropensityHealth): void {
    const byDimension: readonly [Gauge, (own: DimensionHealth) => number | null][] = [
      [this.#auc, ({ auc }) => auc],
      [this.#ece, ({ ece }) => ece],
      [this.#slope, ({ slope }) => slope],
      [this.#rows, ({ rows }) => rows],
      [this.#scores, ({ score_psi }) => score_psi],
    ];
    for (const [gauge, figure] of byDimension) {
      gauge.reset();
      for (const own of dimensions) {
        const value = figure(own);
        if (value !== null) gauge.set({ dimension: own.dimension }, value);
      }
    }
    this.#inputs.reset();
    for (const { name, psi } of inputs) this.#inputs.set({ input: name }, psi);
    this.#breaches.set(breaches.length);
    this.#checked.set(Date.parse(time) / 1000);
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }
}
