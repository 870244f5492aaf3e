/** What sold in each of several draws of a price. */
export interface DrawCounts {
  readonly exposures: Float64Array;
  readonly enrollments: Float64Array;
}

/** One course's randomised prices: an entry for each list price that was drawn, in the order in which they came into force. */
export interface PriceTrial extends DrawCounts {
  readonly course_id: string;
  readonly category: string;
  /** log(price / price before its random part). */
  readonly jitter: Float64Array;
  /** What of the counts the course's demand cells still hold: decayed as they decay. Nothing unless given. */
  readonly held?: DrawCounts;
}
