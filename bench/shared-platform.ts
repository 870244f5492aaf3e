import { type Platform, type PlatformOptions, startPlatform } from "./platform.ts";

/** Short platforms that several quick benches of one run use in turn, one for each way to start it. */
export class SharedPlatforms {
  readonly #platforms = new Map<string, Promise<Platform>>();

  /** Started by whoever asks first; that a bench stops it means nothing. */
  async start(options: PlatformOptions): Promise<Platform> {
    const name = JSON.stringify(options);
    const platform = this.#platforms.get(name) ?? startPlatform(true, options);
    this.#platforms.set(name, platform);
    return { ...(await platform), stop: () => Promise.resolve() };
  }

  async stop(): Promise<void> {
    for (const platform of this.#platforms.values()) await platform.then(({ stop }) => stop(), () => undefined);
  }
}
