import type * as tensorflow from "@tensorflow/tfjs";
import { binaryDimensions, type BinaryDimension, type NetworkModel } from "../../contracts/propensity.ts";
import type { FittedMargin, NetworkTask } from "../../contracts/worker-protocol.ts";
import { must } from "../../lib/assert.ts";
import { Prng } from "../../lib/prng.ts";
import { centreOffsets, lifeTable } from "../../models/propensity/hazard.ts";
import { importanceOf } from "../../models/propensity/importance.ts";
import { compileMargin } from "../../models/propensity/margin.ts";
import { standardise, type Standardised } from "../../models/propensity/standardise.ts";
import type { TensorLibrary } from "../backend.ts";

export interface NetworkOptions {
  /** Units of the trunk's layers. Small: five scores of a learner have microseconds. */
  readonly units: readonly number[];
  readonly epochs_max: number;
  /** Stop after this many epochs without a better validation loss. */
  readonly patience: number;
  readonly batch_rows: number;
  readonly learning_rate: number;
  /** L2 penalty on weights, per row. */
  readonly weight_decay: number;
}

export const networkDefaults: NetworkOptions = { units: [32, 16], epochs_max: 20, patience: 3, batch_rows: 512, learning_rate: 0.003, weight_decay: 3e-4 };

/** Validation rows in memory at a time. */
const ROWS_AT_A_TIME = 8_192;

/** Windows of all dimensions by row: a column for each step of each dimension. */
interface Targets {
  readonly dimensions: readonly BinaryDimension[];
  /** Those that train first. */
  readonly rows: number;
  readonly train_rows: number;
  /** rows × inputs. */
  readonly values: Float64Array;
  readonly inputs: number;
  readonly columns: number;
  /** By column: which of the dimensions. */
  readonly dimension: Int32Array;
  /** rows × columns: 1/number of the dimension's training windows where the step was observed at risk, else 0; and the same where it happened. */
  readonly risk: Float32Array;
  readonly event: Float32Array;
  /** Log-odds of the hazards that the training rows show, by column. */
  readonly start: Float32Array;
}

/** A learner at a cut-off stands once, whatever number of dimensions asks about it. One that trains any dimension stops none. */
function targetsOf({ windows }: NetworkTask): Targets {
  const asked = binaryDimensions.flatMap((name) => (windows[name] === undefined ? [] : [{ name, data: windows[name] }]));
  const places = new Map<number, number>();
  for (const { data } of asked) for (let i = 0; i < data.train_rows; i++) if (!places.has(data.row[i]!)) places.set(data.row[i]!, places.size);
  const train_rows = places.size;
  for (const { data } of asked) for (let i = data.train_rows; i < data.rows; i++) if (!places.has(data.row[i]!)) places.set(data.row[i]!, places.size);
  const inputs = must(asked[0], "a network needs a dimension").data.columns;
  const columns = asked.reduce((sum, { data }) => sum + data.steps_max, 0);
  const values = new Float64Array(places.size * inputs);
  const risk = new Float32Array(places.size * columns);
  const event = new Float32Array(places.size * columns);
  const dimension: number[] = [];
  const start: number[] = [];
  for (const [d, { data }] of asked.entries()) {
    const first = dimension.length;
    for (let k = 0; k < data.steps_max; k++) dimension.push(d);
    start.push(...lifeTable(data));
    const weight = 1 / Math.max(1, data.train_rows);
    for (let i = 0; i < data.rows; i++) {
      const place = places.get(data.row[i]!)!;
      if (i >= data.train_rows && place < train_rows) continue;
      values.set(data.values.subarray(i * inputs, (i + 1) * inputs), place * inputs);
      const to = place * columns + first;
      risk.fill(weight, to, to + data.steps[i]!);
      if (data.y[i] === 1) event[to + data.steps[i]! - 1] = weight;
    }
  }
  return { dimensions: asked.map(({ name }) => name), rows: places.size, train_rows, values, inputs, columns, dimension: Int32Array.from(dimension), risk, event, start: Float32Array.from(start) };
}

/** Some rows of the inputs, standardised, and of the targets. */
interface Batch {
  readonly x: tensorflow.Tensor2D;
  readonly risk: tensorflow.Tensor2D;
  readonly event: tensorflow.Tensor2D;
}

/** The network's variables, and its loss. */
class Network {
  readonly #tf: TensorLibrary;
  readonly #options: NetworkOptions;
  readonly #weights: tensorflow.Variable[] = [];
  readonly #biases: tensorflow.Variable[] = [];
  readonly #head: tensorflow.Variable;
  /** One a column of the targets: the head's bias and the steps' offsets in one. */
  readonly #offsets: tensorflow.Variable;
  /** dimensions × columns: which margin a column asks about. */
  readonly #asks: tensorflow.Tensor2D;

  constructor(tf: TensorLibrary, targets: Targets, options: NetworkOptions, random: Prng) {
    this.#tf = tf;
    this.#options = options;
    /** He's initialisation (2015): the variance of a ReLU layer's outputs is that of its inputs. */
    const normals = (inputs: number, units: number, gain: number): tensorflow.Variable =>
      tf.tidy(() => tf.variable(tf.tensor2d(Float32Array.from({ length: inputs * units }, () => gain * Math.sqrt(2 / inputs) * random.normal()), [inputs, units])));
    let { inputs } = targets;
    for (const units of options.units) {
      this.#weights.push(normals(inputs, units, 1));
      this.#biases.push(tf.tidy(() => tf.variable(tf.zeros([units]))));
      inputs = units;
    }
    // Starts near the base rates.
    this.#head = normals(inputs, targets.dimensions.length, 0.1);
    this.#offsets = tf.tidy(() => tf.variable(tf.tensor1d(targets.start)));
    const asks = new Float32Array(targets.dimensions.length * targets.columns);
    targets.dimension.forEach((dimension, column) => (asks[dimension * targets.columns + column] = 1));
    this.#asks = tf.tensor2d(asks, [targets.dimensions.length, targets.columns]);
  }

  get #variables(): tensorflow.Variable[] {
    return [...this.#weights, ...this.#biases, this.#head, this.#offsets];
  }

  /** Minus the log-likelihood of windows, each weighted as its dimension's targets are. */
  loss({ x, risk, event }: Batch): tensorflow.Scalar {
    const tf = this.#tf;
    let trunk = x;
    for (const [i, weights] of this.#weights.entries()) trunk = tf.relu(tf.add(tf.matMul(trunk, weights as tensorflow.Tensor2D), this.#biases[i]!));
    const logits = tf.add(tf.matMul(tf.matMul(trunk, this.#head as tensorflow.Tensor2D), this.#asks), this.#offsets);
    return tf.sum(tf.sub(tf.mul(risk, tf.softplus(logits)), tf.mul(event, logits)));
  }

  /** One step of an optimizer on a batch that stands for `share` of the training rows. */
  step(optimizer: tensorflow.Optimizer, batch: Batch, share: number): void {
    const tf = this.#tf;
    tf.tidy(() => {
      const { grads } = tf.variableGrads(() => {
        const penalty = [...this.#weights, this.#head].reduce((sum: tensorflow.Scalar, own) => tf.add(sum, tf.sum(tf.square(own))), tf.scalar(0));
        return tf.add(tf.div(this.loss(batch), share), tf.mul(penalty, this.#options.weight_decay));
      }, this.#variables);
      optimizer.applyGradients(grads);
    });
  }

  /** Copies of all numbers: weights and biases layer by layer, head, offsets. */
  numbers(): Float32Array[] {
    return this.#variables.map((own) => own.dataSync() as Float32Array).map((own) => own.slice());
  }

  dispose(): void {
    for (const own of this.#variables) own.dispose();
    this.#asks.dispose();
  }
}

/** Seven digits are all that single precision has. */
const decimals = (values: ArrayLike<number>): number[] => Array.from(values, (own) => Number(own.toPrecision(8)));

/** One dimension's margin, out of the numbers of a network. */
function headOf(
  dimension: number,
  numbers: readonly Float32Array[],
  targets: Targets,
  options: NetworkOptions,
  { mean, scale }: Standardised,
): { model: NetworkModel; offsets: Float64Array } {
  const depth = options.units.length;
  const head = numbers[2 * depth]!;
  const offsets = Float64Array.from(numbers[2 * depth + 1]!.filter((_, column) => targets.dimension[column] === dimension));
  const bias = centreOffsets(offsets);
  const layers = options.units.map((units, i) => ({ units, weights: decimals(numbers[i]!), bias: decimals(numbers[depth + i]!) }));
  const weights = decimals(head.filter((_, at) => at % targets.dimensions.length === dimension));
  return { model: { kind: "network", mean: [...mean], scale: [...scale], layers, head: { weights, bias } }, offsets };
}

export interface TrainedNetwork {
  readonly heads: Partial<Record<BinaryDimension, FittedMargin<NetworkModel>>>;
  readonly epochs: number;
}

/**
 * A network with one trunk for all dimensions and a linear head each (Caruana 1997), on the likelihood of windows in steps; a dimension that does not
 * ask about a row leaves its columns out. Batches are drawn from the seed, Adam (Kingma, Ba 2015) takes the steps, and the epoch with the least loss
 * on the validation rows is kept. Dense operations alone, so that every backend runs it; on one backend without a GPU, equal tasks give equal
 * networks.
 */
export async function trainNetwork(tf: TensorLibrary, task: NetworkTask, options: NetworkOptions = networkDefaults): Promise<TrainedNetwork> {
  const targets = targetsOf(task);
  const columns = targets.inputs;
  const random = new Prng(`network ${task.seed}`);
  const standard = standardise(targets.values, columns, targets.rows, targets.train_rows);
  const network = new Network(tf, targets, options, random);
  const optimizer = tf.train.adam(options.learning_rate);
  const gather = (values: ArrayLike<number>, width: number, rows: Int32Array): tensorflow.Tensor2D => {
    const own = new Float32Array(rows.length * width);
    for (let i = 0; i < rows.length; i++) for (let c = 0; c < width; c++) own[i * width + c] = values[rows[i]! * width + c]!;
    return tf.tensor2d(own, [rows.length, width]);
  };
  const batch = (rows: Int32Array): Batch => ({
    x: gather(standard.x, columns, rows),
    risk: gather(targets.risk, targets.columns, rows),
    event: gather(targets.event, targets.columns, rows),
  });
  const order = Int32Array.from({ length: targets.train_rows }, (_, i) => i);
  const late = Int32Array.from({ length: targets.rows - targets.train_rows }, (_, i) => targets.train_rows + i);
  let best = { epoch: 0, loss: Number.POSITIVE_INFINITY, numbers: network.numbers() };
  let epoch = 0;
  try {
    while (epoch < options.epochs_max && epoch - best.epoch < options.patience) {
      for (let i = order.length - 1; i > 0; i--) {
        const j = random.integer(i + 1);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      for (let from = 0; from < order.length; from += options.batch_rows) {
        const rows = order.subarray(from, from + options.batch_rows);
        const tensors = batch(rows);
        network.step(optimizer, tensors, rows.length / order.length);
        tf.dispose({ ...tensors });
      }
      let loss = 0;
      for (let from = 0; from < late.length; from += ROWS_AT_A_TIME) {
        const tensors = batch(late.subarray(from, from + ROWS_AT_A_TIME));
        const own = tf.tidy(() => network.loss(tensors));
        loss += (await own.data())[0]!;
        tf.dispose({ ...tensors, own });
      }
      epoch++;
      // Without validation rows the last epoch counts.
      if (late.length === 0 || loss < best.loss) best = { epoch, loss, numbers: network.numbers() };
    }
  } finally {
    network.dispose();
    optimizer.dispose();
  }
  const heads: TrainedNetwork["heads"] = {};
  for (const [d, dimension] of targets.dimensions.entries()) {
    const { model, offsets } = headOf(d, best.numbers, targets, options, standard);
    const importance = importanceOf(compileMargin(model, columns), must(task.windows[dimension], "the network asked about it"), offsets, task.seed);
    heads[dimension] = { model, offsets: [...offsets], importance };
  }
  return { heads, epochs: epoch };
}
