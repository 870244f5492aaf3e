import type { Check } from "../../contracts/training-run.ts";
import { Prng } from "../../lib/prng.ts";
import { formatTime } from "../../lib/time.ts";
import { binAt, quantileEdges } from "../../models/histogram.ts";
import { poissonDeviance } from "../../models/metrics.ts";
import { compilePredictor } from "../../models/predictor.ts";
import { learningRows, type UnbinnedRows } from "../learning-rows.ts";
import type { TrainingPool } from "../pool.ts";
import { shareableDoubles } from "../shared-memory.ts";
import { checkLimits, judge } from "./check-limits.ts";

/** Rows on which shuffled labels are fitted and judged. */
const SHUFFLED_ROWS_MAX = 20_000;
const BINS = 32;
/** Exposures' worth of the overall rate that a bin's rate is shrunk with. */
const PRIOR_EXPOSURES = 50;

/** Cut-offs at which a later block begins: until then every label window of the block before must have ended. */
export function timeOrder(at_ms: readonly number[], window_ms: number, blocks: readonly number[]): Omit<Check, "stage"> {
  let overlap = 0;
  let where = "";
  for (const begin of blocks) {
    const ends = at_ms[begin - 1]! + window_ms;
    if (ends - at_ms[begin]! <= overlap) continue;
    overlap = ends - at_ms[begin]!;
    where = `labels before ${formatTime(at_ms[begin]!)} reach ${overlap} ms past it`;
  }
  return judge("leakage.time_order", overlap, where === "" ? "every label window ends before the next block's features are read" : where);
}

/**
 * Share of the validation rows' deviance that a column alone explains: rates by quantile of the column, fitted to the training rows. A feature that holds its own
 * label explains nearly all of it.
 */
function singleFeatureShare(data: UnbinnedRows, column: number): number {
  const { values, columns, y, exposure, train_rows, rows } = data;
  const edges = quantileEdges(Float64Array.from({ length: train_rows }, (_, row) => values[row * columns + column]!), BINS);
  const counted = new Float64Array(edges.length - 1);
  const exposed = new Float64Array(edges.length - 1);
  const bin = (row: number): number => binAt(edges, values[row * columns + column]!);
  for (let row = 0; row < train_rows; row++) {
    counted[bin(row)]! += y[row]!;
    exposed[bin(row)]! += exposure[row]!;
  }
  const overall = Math.max(sum(counted), 0.5) / sum(exposed);
  const rate = counted.map((count, i) => (count + PRIOR_EXPOSURES * overall) / (exposed[i]! + PRIOR_EXPOSURES));
  let with_column = 0;
  let without = 0;
  for (let row = train_rows; row < rows; row++) {
    with_column += poissonDeviance(y[row]!, exposure[row]! * rate[bin(row)]!);
    without += poissonDeviance(y[row]!, exposure[row]! * overall);
  }
  return without > 0 ? Math.max(0, 1 - with_column / without) : 0;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

export function singleFeature(data: UnbinnedRows, names: readonly string[]): Omit<Check, "stage"> {
  const shares = names.map((name, column) => ({ name, share: singleFeatureShare(data, column) }));
  const { name, share } = shares.reduce((a, b) => (b.share > a.share ? b : a));
  return judge("leakage.single_feature", share, `${name} alone explains ${(100 * share).toFixed(1)} % of the deviance on the validation rows, more than any other`);
}

/** The training rows, evenly thinned, with counts and exposures dealt anew among them; the last fifth is to be judged. */
function shuffle({ values, columns, y, exposure, train_rows }: UnbinnedRows, seed: string): { fit: UnbinnedRows; judge_from: number; rows: number } {
  const rows = Math.min(train_rows, SHUFFLED_ROWS_MAX);
  const source = Int32Array.from({ length: rows }, (_, i) => Math.floor((i * train_rows) / rows));
  const random = new Prng(`shuffled labels ${seed}`);
  const labels = source.slice();
  // Rows too: they come in order of time.
  for (const order of [source, labels]) {
    for (let i = rows - 1; i > 0; i--) {
      const j = random.integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
  }
  const [x, counts, exposures] = [shareableDoubles(rows * columns), shareableDoubles(rows), shareableDoubles(rows)];
  for (let i = 0; i < rows; i++) {
    x.set(values.subarray(source[i]! * columns, (source[i]! + 1) * columns), i * columns);
    counts[i] = y[labels[i]!]!;
    exposures[i] = exposure[labels[i]!]!;
  }
  const judge_from = Math.floor(0.8 * rows);
  return { fit: { values: x.subarray(0, judge_from * columns), columns, y: counts, exposure: exposures, train_rows: Math.floor(0.6 * rows), rows: judge_from }, judge_from, rows };
}

interface ShuffledSkill {
  /** Deviance a row that the model saves over one rate for all. */
  readonly gain: number;
  /** The same in standard errors. */
  readonly errors: number;
}

async function shuffledSkill({ fit, judge_from, rows }: ReturnType<typeof shuffle>, names: readonly string[], seed: number, pool: Pick<TrainingPool, "fit">, signal: AbortSignal): Promise<ShuffledSkill> {
  const { model } = await pool.fit({ kind: "fit", learner: "boosting", data: learningRows(fit), feature_names: names, seed }, signal);
  const { columns, y, exposure, train_rows } = fit;
  const values = new Float64Array(fit.values.buffer);
  const predictor = compilePredictor(model, columns);
  const rate = Math.max(0.5, sum(y.subarray(0, train_rows))) / sum(exposure.subarray(0, train_rows));
  const gains = Float64Array.from({ length: rows - judge_from }, (_, i) => {
    const row = judge_from + i;
    return poissonDeviance(y[row]!, exposure[row]! * rate) - poissonDeviance(y[row]!, exposure[row]! * Math.exp(predictor.logRate(values, row * columns)));
  });
  const gain = sum(gains) / gains.length;
  const sd = Math.sqrt(gains.reduce((total, each) => total + (each - gain) ** 2, 0) / Math.max(1, gains.length - 1));
  return { gain, errors: sd > 0 ? (gain * Math.sqrt(gains.length)) / sd : 0 };
}

/**
 * What boosting makes of labels that have nothing to do with the features any more: on rows that it has not seen it must not be better than one rate for all. Skill there
 * would mean that labels reach the judgement by another way, and would be there however they are dealt. Chance alone passes a limit now and then: what seems to have skill is
 * dealt anew twice, and the median of the three counts.
 */
export async function shuffledLabels(data: UnbinnedRows, names: readonly string[], seed: number, pool: Pick<TrainingPool, "fit">, signal: AbortSignal): Promise<Omit<Check, "stage">> {
  const skill = (deal: string): Promise<ShuffledSkill> => shuffledSkill(shuffle(data, `${seed}${deal}`), names, seed, pool, signal);
  const first = await skill("");
  const deals = first.errors > checkLimits["leakage.shuffled_labels"].warn ? [first, await skill(", again"), await skill(", once more")].toSorted((a, b) => a.errors - b.errors) : [first];
  const { gain, errors } = deals[Math.floor(deals.length / 2)]!;
  return judge("leakage.shuffled_labels", errors, `on shuffled labels boosting gains ${gain.toExponential(2)} of deviance a row over one rate for all, ${errors.toFixed(1)} standard errors${deals.length > 1 ? " (median of three shuffles)" : ""}`);
}
