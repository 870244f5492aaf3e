import { MultiBar, Presets, type SingleBar } from "cli-progress";
import type { Clock } from "../lib/clock.ts";

export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** What is shown of one phase of the start: any number of counters, then one line. Silent once it has ended. */
export interface Phase {
  update(counter: string, done: number, total: number): void;
  /** What it is waiting for, where there is nothing to count. */
  note(text: string): void;
  done(detail: string): void;
  failed(detail: string): void;
}

export interface Progress {
  phase(name: string): Phase;
  line(text: string): void;
}

/** Without a terminal a phase that takes long says where it is this often. */
const PLAIN_INTERVAL_MS = 5_000;
const NAME_WIDTH = 10;

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export function formatCount(count: number): string {
  return whole.format(count);
}

/** Totals are estimates: what passes one becomes it. */
function formatShare(done: number, estimate: number): string {
  const total = Math.max(done, estimate);
  return total > 0 ? `${formatCount(done)} of ${formatCount(total)} (${Math.floor((100 * done) / total)} %)` : "0";
}

function doneLine(name: string, detail: string, seconds: number): string {
  return `✓ ${name.padEnd(NAME_WIDTH)} ${detail} (${seconds.toFixed(1)} s)`;
}

function failedLine(name: string, detail: string): string {
  return `✗ ${name.padEnd(NAME_WIDTH)} ${detail}`;
}

/** Bars on a terminal, now and then a plain line anywhere else. */
export function createProgress(output: ProgressOutput & NodeJS.WritableStream, clock: Clock): Progress {
  return output.isTTY === true ? new BarProgress(output, clock) : new PlainProgress(output, clock);
}

export class PlainProgress implements Progress {
  readonly #output: ProgressOutput;
  readonly #clock: Clock;

  constructor(output: ProgressOutput, clock: Clock) {
    this.#output = output;
    this.#clock = clock;
  }

  line(text: string): void {
    this.#output.write(`${text}\n`);
  }

  phase(name: string): Phase {
    const started_ms = this.#clock.now_ms();
    let told_ms = started_ms;
    let ended = false;
    const counters = new Map<string, string>();
    const tell = (text: () => string): void => {
      const now_ms = this.#clock.now_ms();
      if (ended || now_ms - told_ms < PLAIN_INTERVAL_MS) return;
      told_ms = now_ms;
      this.line(`  ${name.padEnd(NAME_WIDTH)} ${text()}`);
    };
    const end = (text: string): void => {
      ended = true;
      this.line(text);
    };
    return {
      update: (counter, done, total) => {
        counters.set(counter, `${counter} ${formatShare(done, total)}`);
        tell(() => [...counters.values()].join(", "));
      },
      note: (text) => tell(() => text),
      done: (detail) => end(doneLine(name, detail, (this.#clock.now_ms() - started_ms) / 1000)),
      failed: (detail) => end(failedLine(name, detail)),
    };
  }
}

class BarProgress implements Progress {
  readonly #output: NodeJS.WritableStream;
  readonly #clock: Clock;
  /** The bars on the screen now, if any. */
  #bars: MultiBar | undefined;

  constructor(output: NodeJS.WritableStream, clock: Clock) {
    this.#output = output;
    this.#clock = clock;
  }

  line(text: string): void {
    // While bars are drawn, text must go above them.
    if (this.#bars === undefined) this.#output.write(`\u001b[2K\r${text}\n`);
    else this.#bars.log(`${text}\n`);
  }

  phase(name: string): Phase {
    const started_ms = this.#clock.now_ms();
    const bars = new MultiBar(
      {
        format: `  {counter} {bar} {percentage} %  {value} of {total}  {duration_formatted}`,
        stream: this.#output,
        clearOnComplete: true,
        hideCursor: true,
        // The supervisor's own signal handling stops the bars.
        gracefulExit: false,
        formatValue: (value, _options, type) => (type === "percentage" ? String(value).padStart(3) : formatCount(value)),
      },
      Presets.shades_classic,
    );
    let ended = false;
    const known = new Map<string, SingleBar>();
    this.#output.write(`  ${name} …\r`);
    const end = (text: string): void => {
      ended = true;
      bars.stop();
      this.#bars = undefined;
      this.#output.write(`\u001b[2K\r${text}\n`);
    };
    return {
      update: (counter, done, total) => {
        if (ended) return;
        let bar = known.get(counter);
        if (bar === undefined) {
          this.#bars = bars;
          bar = bars.create(total, 0, { counter: counter.padEnd(NAME_WIDTH) });
          known.set(counter, bar);
        }
        bar.setTotal(Math.max(total, done));
        bar.update(done);
      },
      note: (text) => {
        if (!ended && this.#bars === undefined) this.#output.write(`\u001b[2K\r  ${name} … ${text}`);
      },
      done: (detail) => end(doneLine(name, detail, (this.#clock.now_ms() - started_ms) / 1000)),
      failed: (detail) => end(failedLine(name, detail)),
    };
  }
}
