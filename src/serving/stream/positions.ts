import { STREAM_CONTROL, STREAM_QUOTES, STREAM_SIGNALS } from "../../contracts/subjects.ts";

/** How an event's id names the streams. */
const letters = new Map([
  ["C", STREAM_CONTROL],
  ["S", STREAM_SIGNALS],
  ["Q", STREAM_QUOTES],
]);

/** The last sequence of each stream that was told. */
export type Positions = Map<string, number>;

/** `C12.S40`: ids are all that a client keeps, so each holds the whole position. */
export function positionsText(positions: Positions): string {
  return [...letters].flatMap(([letter, stream]) => (positions.has(stream) ? [`${letter}${positions.get(stream)}`] : [])).join(".");
}

/** undefined when the text is none that this wrote. */
export function parsePositions(text: string): Positions | undefined {
  const positions: Positions = new Map();
  for (const part of text.split(".")) {
    const stream = letters.get(part.charAt(0));
    if (stream === undefined || positions.has(stream) || !/^\d{1,15}$/.test(part.slice(1))) return undefined;
    positions.set(stream, Number(part.slice(1)));
  }
  return positions;
}
