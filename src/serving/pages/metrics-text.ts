/** One sample of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Reads the text that GET /metrics answers with. */
export function readMetrics(text: string): Sample[] {
  return text.split("\n").flatMap((row) => {
    const match = row.startsWith("#") ? null : line.exec(row);
    if (match === null) return [];
    const labels = Object.fromEntries([...(match[2] ?? "").matchAll(label)].map(([, name, value]) => [name, value]));
    return [{ name: match[1]!, labels, value: Number(match[3]) }];
  });
}

export function sumOf(samples: readonly Sample[], name: string): number {
  return samples.reduce((total, sample) => (sample.name === name ? total + sample.value : total), 0);
}

export interface RouteFigures {
  readonly route: string;
  readonly calls: number;
  readonly failures: number;
  /** Upper edge of the bucket that holds the quantile, seconds; null without calls. */
  readonly p50_s: number | null;
  readonly p99_s: number | null;
}

const HISTOGRAM = "tidemark_http_request_duration_seconds";

/** Calls and their times by route, busiest first. */
export function routeFigures(samples: readonly Sample[]): RouteFigures[] {
  const routes = new Map<string, { calls: number; failures: number; buckets: Map<number, number> }>();
  for (const { name, labels, value } of samples) {
    if (labels["route"] === undefined) continue;
    const route = `${labels["method"] ?? ""} ${labels["route"]}`.trim();
    const entry = routes.get(route) ?? { calls: 0, failures: 0, buckets: new Map<number, number>() };
    routes.set(route, entry);
    if (name === `${HISTOGRAM}_count`) {
      entry.calls += value;
      if (Number(labels["status"]) >= 500) entry.failures += value;
    } else if (name === `${HISTOGRAM}_bucket`) {
      const edge = labels["le"] === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels["le"]);
      entry.buckets.set(edge, (entry.buckets.get(edge) ?? 0) + value);
    }
  }
  return [...routes]
    .map(([route, { calls, failures, buckets }]) => ({ route, calls, failures, p50_s: quantile(buckets, calls, 0.5), p99_s: quantile(buckets, calls, 0.99) }))
    .filter(({ calls }) => calls > 0)
    .sort((a, b) => b.calls - a.calls);
}

function quantile(buckets: ReadonlyMap<number, number>, calls: number, share: number): number | null {
  const edges = [...buckets.keys()].sort((a, b) => a - b);
  return edges.find((edge) => (buckets.get(edge) ?? 0) >= share * calls) ?? null;
}
