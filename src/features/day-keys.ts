import { DAY_MS, formatTime } from "../lib/time.ts";

/** Far more days than a batch holds; a bound all the same. */
const DAYS_KEPT_MAX = 4_096;

/** UTC days as `YYYY-MM-DD`, each text made once. */
export class DayKeys {
  readonly #keys = new Map<number, string>();
  #day = Number.NaN;
  #key = "";

  key(time_ms: number): string {
    const day = Math.floor(time_ms / DAY_MS);
    if (day !== this.#day) {
      this.#key = this.#keys.get(day) ?? this.#add(day);
      this.#day = day;
    }
    return this.#key;
  }

  #add(day: number): string {
    if (this.#keys.size >= DAYS_KEPT_MAX) this.#keys.clear();
    const key = formatTime(day * DAY_MS).slice(0, 10);
    this.#keys.set(day, key);
    return key;
  }
}
