import type { SegmentHeader } from "./archive-segment.ts";

/** A segment of the archive as its file's header describes it. */
export interface ArchivedSegment {
  /** By its range: the same in every copy of the archive. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly header: SegmentHeader;
}

/**
 * A forgotten learner's events, from the first to the `learner.erased`, are kept under another name. A store that folded some of them
 * under the old name, and not yet the erasure, would never see that erased.
 */
export interface ForgottenSpan {
  readonly first_sequence: number;
  readonly erased_sequence: number;
}

/** What an archive holds of one stream, at one moment. */
export class ArchiveIndex {
  /** By first sequence; none lies within another, so that last sequences ascend as well. */
  readonly segments: readonly ArchivedSegment[];
  readonly spans: readonly ForgottenSpan[];
  /** Counts the compactions. */
  readonly generation: number;

  constructor(segments: readonly ArchivedSegment[], spans: readonly ForgottenSpan[], generation: number) {
    const kept: ArchivedSegment[] = [];
    const ordered = [...segments].sort((a, b) => a.header.first_sequence - b.header.first_sequence || b.header.last_sequence - a.header.last_sequence);
    for (const segment of ordered) if (segment.header.last_sequence > (kept.at(-1)?.header.last_sequence ?? 0)) kept.push(segment);
    this.segments = kept;
    this.spans = spans;
    this.generation = generation;
  }

  /** 0 when it holds nothing. */
  get last_sequence(): number {
    return this.segments.at(-1)?.header.last_sequence ?? 0;
  }

  /** The segment whose range contains a sequence. */
  find(sequence: number): ArchivedSegment | undefined {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.segments[middle]!.header.last_sequence < sequence) low = middle + 1;
      else high = middle;
    }
    const segment = this.segments[low];
    return segment !== undefined && segment.header.first_sequence <= sequence ? segment : undefined;
  }

  /** From which sequence on everything is there that comes before `sequence`; `sequence` itself when nothing is. */
  reachesBack(sequence: number): number {
    let first = sequence;
    for (const { header } of this.segments.toReversed()) {
      if (header.last_sequence < first - 1) break;
      first = Math.min(first, header.first_sequence);
    }
    return first;
  }

  /** Ranges between segments that none of them covers. */
  gaps(): { readonly first_sequence: number; readonly last_sequence: number }[] {
    return this.segments.slice(1).flatMap(({ header }, i) => {
      const before = this.segments[i]!.header.last_sequence;
      return header.first_sequence > before + 1 ? [{ first_sequence: before + 1, last_sequence: header.first_sequence - 1 }] : [];
    });
  }
}
