export interface LoadOptions {
  readonly url: string;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  /** Total requests a second over all connections; 0 means as fast as they are answered. */
  readonly rate: number;
  readonly bodies: "course" | "predict" | "unique";
  readonly courses: number;
  readonly seed: number;
}
