const SECOND_MS = 1_000;
const units = [
  [60, "s"],
  [60, "min"],
  [24, "h"],
  [Number.POSITIVE_INFINITY, "days"],
] as const;

function ago(time_ms: number): string {
  let value = Math.max(0, (Date.now() - time_ms) / SECOND_MS);
  for (const [most, unit] of units) {
    if (value < most) return value < 1 ? "just now" : `${Math.floor(value)} ${unit} ago`;
    value /= most;
  }
  return "";
}

/** Writes every time that is marked for it as its distance from now. */
export function tellTimes(): void {
  for (const element of document.querySelectorAll<HTMLTimeElement>("time[data-ago]")) {
    const time_ms = Date.parse(element.dateTime);
    const text = ago(time_ms);
    if (element.textContent !== text) element.textContent = text;
    element.title = element.dateTime;
  }
}

export function keepTimes(): void {
  tellTimes();
  setInterval(tellTimes, SECOND_MS);
}
